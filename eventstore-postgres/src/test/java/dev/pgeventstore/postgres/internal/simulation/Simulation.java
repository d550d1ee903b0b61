package dev.pgeventstore.postgres.internal.simulation;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.HistoryChangedException;
import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.UndecodableEventException;
import dev.pgeventstore.postgres.internal.simulation.Plan.Action;
import dev.pgeventstore.postgres.internal.simulation.Plan.Append;
import dev.pgeventstore.postgres.internal.simulation.Plan.Ask;
import dev.pgeventstore.postgres.internal.simulation.Plan.Await;
import dev.pgeventstore.postgres.internal.simulation.Plan.AwaitPosition;
import dev.pgeventstore.postgres.internal.simulation.Plan.Close;
import dev.pgeventstore.postgres.internal.simulation.Plan.Crash;
import dev.pgeventstore.postgres.internal.simulation.Plan.End;
import dev.pgeventstore.postgres.internal.simulation.Plan.Failover;
import dev.pgeventstore.postgres.internal.simulation.Plan.Follow;
import dev.pgeventstore.postgres.internal.simulation.Plan.Freeze;
import dev.pgeventstore.postgres.internal.simulation.Plan.Kill;
import dev.pgeventstore.postgres.internal.simulation.Plan.Setting;
import dev.pgeventstore.postgres.internal.simulation.Plan.Subscribe;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Event;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Session;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Table;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Transaction;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionListener.Failed;
import dev.pgeventstore.subscription.SubscriptionListener.Stopped;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Style;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/** One run of a plan: actors do what it says, faults come, and then all must arrive. */
final class Simulation {

  private static final long MILLI = 1_000_000;
  private static final Duration LEASE = Duration.ofSeconds(3);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

  /** All must arrive within so much simulated time after the last fault. */
  private static final long ARRIVES_WITHIN = 200_000 * MILLI;

  private static final long APPEND_UNTIL = 12_000 * MILLI;

  private static final long MOST_STEPS = 1_000_000;

  private final Plan plan;
  private final SimulatedScheduler scheduler;
  private final SimulatedScheduler.Node world;
  private final SimulatedPostgres postgres;
  private final Oracle oracle;
  private final SplittableRandom random;
  private final Map<Integer, SimulatedNode> nodes = new TreeMap<>();
  private final List<SubscriptionSpec> specs = new ArrayList<>();
  private final Lock starting;
  private int starts;
  private int finite;
  private boolean calm;
  private int events;

  private Simulation(Plan plan, int traced) {
    this.plan = plan;
    Setting setting = plan.setting();
    this.scheduler =
        new SimulatedScheduler(
            plan.seed(),
            new Style(setting.switchOneIn(), setting.jumpOneIn(), setting.stepMicros() * 1_000L),
            MOST_STEPS,
            traced);
    this.world = scheduler.node("world");
    this.starting = world.newLock();
    this.postgres =
        new SimulatedPostgres(
            scheduler,
            new SimulatedPostgres.Faults(setting.breakOneIn(), setting.breakOneIn()),
            setting.sequenceAhead(),
            setting.clockPercent() / 100.0);
    this.oracle = new Oracle(postgres);
    this.random = scheduler.random();
    postgres.watch(oracle);
  }

  /**
   * What a run was.
   *
   * @param failure null if all that must hold did
   * @param trace the last steps, if asked for
   */
  record Outcome(@Nullable Throwable failure, long steps, long hash, List<String> trace) {}

  static Outcome run(Plan plan) {
    return run(plan, 0);
  }

  static Outcome run(Plan plan, int traced) {
    Simulation simulation = new Simulation(plan, traced);
    Throwable failure = null;
    try {
      simulation.scheduler.run(simulation.world, simulation::live);
    } catch (Throwable e) {
      failure = e;
    }
    return new Outcome(
        failure,
        simulation.scheduler.steps(),
        simulation.scheduler.hash(),
        simulation.scheduler.trace());
  }

  private void live() {
    postgres.start(200 * MILLI);
    world.start("coordinator", this::finishWhatIsLeftPrepared);
    for (Action action : plan.actions()) {
      finite++;
      world.start(
          action.getClass().getSimpleName(),
          () -> {
            scheduler.sleep(action.at() * MILLI);
            scheduler.note("%s", action);
            act(action);
            finite--;
          });
    }
    scheduler.block(() -> finite == 0, Long.MAX_VALUE);
    scheduler.note("from now on all is calm");
    calm = true;
    postgres.calm();
    scheduler.block(postgres::isUp, Long.MAX_VALUE);
    postgres.prepared().forEach(left -> postgres.finishPrepared(left, true));
    awaitArrival();
    oracle.requireViewsAreTheLog();
  }

  /** A transaction that was prepared when its client lost the connection is ended by another. */
  private void finishWhatIsLeftPrepared() {
    while (true) {
      scheduler.block(() -> !postgres.prepared().isEmpty(), Long.MAX_VALUE);
      List<String> old = postgres.prepared();
      scheduler.sleep(5_000 * MILLI);
      scheduler.block(postgres::isUp, Long.MAX_VALUE);
      old.forEach(gid -> postgres.finishPrepared(gid, random.nextBoolean()));
    }
  }

  private void awaitArrival() {
    SimulatedNode last = new SimulatedNode(postgres, scheduler.node("last"));
    List<SubscriptionSpec> declared = declared();
    declared.forEach(spec -> retrying(() -> last.subscriptions.start(spec)));
    long end = scheduler.after(ARRIVES_WITHIN);
    while (!oracle.allHasArrived()) {
      if (end <= scheduler.nanoTime()) {
        throw scheduler.fail(new AssertionError("stalled: " + oracle.stragglers()));
      }
      scheduler.sleep(500 * MILLI);
      declared.stream().filter(oracle::isStopped).forEach(spec -> startAgain(last, spec));
    }
  }

  /** One of each name that is declared as the subscription is. */
  private List<SubscriptionSpec> declared() {
    Map<String, SubscriptionSpec> byName = new LinkedHashMap<>();
    oracle
        .subscriptions()
        .forEach(
            (name, query) ->
                specs.stream()
                    .filter(spec -> spec.name().equals(name) && spec.query().equals(query.query))
                    .forEach(spec -> byName.put(name, spec)));
    return List.copyOf(byName.values());
  }

  /** As an operator would, once what has stopped it is over. */
  private void startAgain(SimulatedNode node, SubscriptionSpec spec) {
    try {
      node.subscriptions.start(spec);
    } catch (IllegalStateException e) {
      scheduler.note("it has not ended yet: %s", e.getMessage());
    }
  }

  private void retrying(Runnable what) {
    while (true) {
      try {
        what.run();
        return;
      } catch (EventStoreException e) {
        scheduler.sleep(100 * MILLI);
      }
    }
  }

  private void act(Action action) {
    if (action instanceof Append append) {
      append(append);
    } else if (action instanceof Subscribe subscribe) {
      subscribe(subscribe);
    } else if (action instanceof Follow follow) {
      SimulatedNode node = node(follow.node());
      node.process.start("follower", () -> follow(follow, node));
    } else if (action instanceof Ask ask) {
      world.start("client", () -> ask(ask));
    } else if (action instanceof Await await) {
      await(await.node(), await.name(), await.times(), false);
    } else if (action instanceof AwaitPosition await) {
      await(await.node(), await.name(), await.times(), true);
    } else if (action instanceof Kill kill) {
      kill(kill.node());
    } else if (action instanceof Close close) {
      SimulatedNode node = nodes.remove(close.node());
      if (node != null) {
        node.process.start("closing", node::close);
      }
    } else if (action instanceof Freeze freeze) {
      SimulatedNode node = nodes.get(freeze.node());
      if (node != null) {
        node.process.freeze(freeze.millis() * MILLI);
      }
    } else if (action instanceof Crash crash && postgres.isUp()) {
      postgres.crash(crash.down() * MILLI);
    } else if (action instanceof Failover failover && postgres.isUp()) {
      postgres.failover(failover.lost(), failover.down() * MILLI);
    }
  }

  private SimulatedNode node(int number) {
    starting.lock();
    try {
      SimulatedNode node = nodes.get(number);
      if (node == null) {
        node = new SimulatedNode(postgres, scheduler.node("node " + number + "." + ++starts));
        nodes.put(number, node);
      }
      return node;
    } finally {
      starting.unlock();
    }
  }

  private void kill(int number) {
    SimulatedNode node = nodes.remove(number);
    if (node != null) {
      node.process.kill();
      scheduler.sleep(random.nextLong(5_000 * MILLI));
      postgres.disconnect(node.process);
    }
  }

  // Those who append.

  private void append(Append append) {
    for (int i = 0; i < append.count() && scheduler.nanoTime() < APPEND_UNTIL; i++) {
      SimulatedNode node = nodes.get(append.node());
      try {
        appendOnce(append, node);
      } catch (SQLException e) {
        scheduler.note("an append fails: %s", e.getMessage());
        scheduler.sleep(50 * MILLI);
      }
      pause(append.pause());
    }
  }

  private void pause(int millis) {
    if (millis > 0) {
      scheduler.sleep(random.nextLong(millis * MILLI));
    }
  }

  private List<Event> appendOnce(Append append, @Nullable SimulatedNode node) throws SQLException {
    Session session = postgres.connect(node == null ? world : node.process);
    try {
      int number = random.nextInt(append.streams());
      String stream = (number % 2 == 0 ? "a-" : "b-") + number;
      int count = 1 + random.nextInt(append.most());
      List<Event> placed = session.execute(false, in -> place(in, stream, count, append.bytes()));
      pause(append.open());
      switch (append.end()) {
        case COMMIT -> session.commit();
        case COMMIT_ASYNCHRONOUSLY -> {
          session.transaction().isSynchronous = false;
          session.commit();
        }
        case ROLL_BACK -> session.rollback();
        case PREPARE -> {
          String gid = "gid " + placed.get(0).id();
          session.prepare(gid);
          pause(append.open());
          scheduler.block(postgres::isUp, Long.MAX_VALUE);
          postgres.finishPrepared(gid, !scheduler.oneIn(4));
        }
      }
      if (node != null && !node.process.isKilled()) {
        node.signals.appended();
      }
      scheduler.note("appended %s", placed);
      return placed;
    } finally {
      session.close();
    }
  }

  private List<Event> place(Transaction in, String stream, int count, int bytes)
      throws SQLException {
    Table<String, Long>.Cell row = postgres.streams.cell(stream);
    row.lock(in);
    Long seen = row.seen(in);
    long version = seen == null ? 0 : seen;
    List<Event> unplaced = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String type = random.nextBoolean() ? "x" : "y";
      unplaced.add(new Event(0, stream, ++version, new UUID(0, ++events), type, bytes, 0));
    }
    row.write(in, version);
    return in.append(unplaced);
  }

  // Those who read.

  private void subscribe(Subscribe subscribe) {
    SimulatedNode node = node(subscribe.node());
    SubscriptionSpec spec =
        new Spec(
            subscribe.name(),
            subscribe.query().query,
            List.of(),
            Start.beginning(),
            subscribe.batch(),
            subscribe.partitions(),
            subscribe.retries() == 0
                ? FailurePolicy.stop()
                : FailurePolicy.retry(subscribe.retries()).thenPark(),
            LEASE,
            Duration.ofSeconds(10),
            new Listener(),
            batch -> handle(subscribe, batch.events(), batch.connection()));
    specs.add(spec);
    node.process.start(
        "starting",
        () -> {
          try {
            node.running.put(spec.name(), node.subscriptions.start(spec));
          } catch (EventStoreException | IllegalStateException e) {
            scheduler.note("not started: %s", e.getMessage());
          }
        });
  }

  /** What the engine itself finds broken is a failure, too. */
  private void requireUnbroken(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof InvariantBrokenException) {
        throw scheduler.fail(new AssertionError(failure));
      }
    }
  }

  private final class Listener implements SubscriptionListener {

    @Override
    public void failed(Failed failure) {
      requireUnbroken(failure.error());
    }

    @Override
    public void stopped(Stopped stop) {
      requireUnbroken(stop.error());
    }
  }

  private void handle(Subscribe as, List<RecordedEvent> batch, Connection connection)
      throws SQLException {
    oracle.handling(as.name(), batch);
    scheduler.note(
        "%s handles %s", as.name(), batch.stream().map(e -> e.position().value()).toList());
    if (!calm) {
      pause(as.pace());
    }
    if (!calm && !as.knows() && batch.stream().anyMatch(event -> event.type().equals("y"))) {
      throw new UndecodableEventException("a type is unknown here", new IllegalStateException());
    }
    if (!calm && scheduler.oneIn(as.failOneIn())) {
      throw new IllegalStateException("a handler fails");
    }
    try (PreparedStatement insert = connection.prepareStatement(SimulatedStatements.SHOW)) {
      insert.setString(1, as.name());
      insert.setObject(2, batch.stream().map(Simulation::event).toList());
      insert.executeUpdate();
    }
  }

  private static Event event(RecordedEvent event) {
    return new Event(
        event.position().value(),
        event.stream().toString(),
        event.version(),
        event.id(),
        event.type(),
        0,
        0);
  }

  private void follow(Follow as, SimulatedNode node) {
    long after = 0;
    int failovers = oracle.failovers();
    while (!calm) {
      after = oracle.failovers() == failovers ? after : 0;
      failovers = oracle.failovers();
      try (FeedReader reader =
          node.feed.open(as.query().query, Position.of(after), Durability.FLUSHED)) {
        while (!calm) {
          EventPage page = reader.next(as.limit(), Duration.ofSeconds(1));
          oracle.handed("a follower", as.query(), after, page, failovers);
          after = page.upTo().value();
          pause(as.pace());
        }
      } catch (HistoryChangedException e) {
        scheduler.note("a follower goes on from %d", after);
      } catch (EventStoreException e) {
        scheduler.sleep(100 * MILLI);
      } catch (IllegalStateException e) {
        requireUnbroken(e);
        return; // closed
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }
  }

  private void ask(Ask as) {
    long after = 0;
    int failovers = oracle.failovers();
    while (!calm) {
      after = oracle.failovers() == failovers ? after : 0;
      failovers = oracle.failovers();
      try {
        EventPage page =
            node(as.node()).feed.page(as.query().query, Position.of(after), as.limit());
        oracle.handed("a client", as.query(), after, page, failovers);
        after = page.upTo().value();
      } catch (HistoryChangedException e) {
        // A client that asks for one page has no history that could have changed.
        throw scheduler.fail(new AssertionError(e));
      } catch (EventStoreException | IllegalStateException e) {
        requireUnbroken(e);
        scheduler.note("not answered: %s", e.getMessage());
      }
      pause(as.pause());
    }
  }

  private void await(int on, String name, int times, boolean byPosition) {
    for (int i = 0; i < times && !calm; i++) {
      SimulatedNode node = nodes.get(on);
      Subscription subscription = node == null ? null : node.running.get(name);
      if (subscription == null) {
        return;
      }
      Append append = new Append(0, on, 3, 1, 1, 10, 0, 0, End.COMMIT);
      try {
        String incarnation = node.highWaterMark.last().incarnation();
        Event event = appendOnce(append, node).get(0);
        long since = scheduler.steps();
        Position position = Position.of(event.position());
        AppendResult result =
            AppendResult.of(
                position,
                Map.of(
                    StreamId.parse(event.stream()),
                    AppendResult.Part.of(event.version(), 1, event.id())),
                false,
                incarnation);
        Waiting waiting =
            byPosition
                ? () -> subscription.awaitApplied(position, LONGEST_WAIT)
                : () -> subscription.awaitApplied(result, LONGEST_WAIT);
        node.process.start("awaiting", () -> awaitApplied(waiting, name, event, since, byPosition));
      } catch (SQLException e) {
        scheduler.note("an append fails: %s", e.getMessage());
      }
      scheduler.sleep(200 * MILLI);
    }
  }

  private void awaitApplied(
      Waiting waiting, String name, Event event, long since, boolean byPosition) {
    try {
      waiting.run();
    } catch (TimeoutException | RuntimeException e) {
      scheduler.note("not applied: %s", e.getMessage());
      return;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    // Its position says nothing of an event that the server has lost.
    if (oracle.declared(name).wants.test(event) && !(byPosition && oracle.isLost(event))) {
      oracle.awaited(name, event, since);
    }
  }

  /** A subscription, as it is asked for. */
  record Spec(
      String name,
      EventQuery query,
      List<EventQuery> replaced,
      Start start,
      int batchSize,
      int partitions,
      FailurePolicy failurePolicy,
      Duration leaseTime,
      Duration unhealthyAfter,
      SubscriptionListener listener,
      EventHandler handler)
      implements SubscriptionSpec {}

  /** A client that waits. */
  private interface Waiting {
    void run() throws TimeoutException, InterruptedException;
  }
}
