package dev.pgeventstore.kafka.simulation;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.kafka.PoisonPolicy;
import dev.pgeventstore.kafka.RecoveryReport;
import dev.pgeventstore.kafka.RelayOperations;
import dev.pgeventstore.kafka.RelayStatus;
import dev.pgeventstore.kafka.SimulatedRelays;
import dev.pgeventstore.kafka.record.RelayRecord;
import dev.pgeventstore.kafka.simulation.Oracle.Excuse;
import dev.pgeventstore.kafka.simulation.Plan.Action;
import dev.pgeventstore.kafka.simulation.Plan.Append;
import dev.pgeventstore.kafka.simulation.Plan.Setting;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Style;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.locks.Lock;
import java.util.stream.Stream;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;

/** One run of a plan: actors do what it says, faults come, and then all must arrive. */
final class Simulation {

  private static final long MILLI = 1_000_000;
  private static final String POSITIONS = "eventstore-positions.sim." + Item.RELAY;

  /** All must arrive within so much simulated time after the last fault. */
  private static final long ARRIVES_WITHIN = 120_000 * MILLI;

  private static final long APPEND_UNTIL = 12_000 * MILLI;
  private static final long MOST_STEPS = 2_000_000;

  private final Plan plan;
  private final Setting setting;
  private final SimulatedScheduler scheduler;
  private final SimulatedScheduler.Node world;
  private final Oracle oracle;
  private final SimulatedDatabase primary;
  private final SimulatedBroker broker;
  private final SplittableRandom random;
  private final Map<Integer, Node> nodes = new TreeMap<>();
  private final Lock starting;
  private final Optional<Consumers> consumers;
  private Delivery delivery;
  private int starts;
  private int finite;
  private int made;

  /** A process that runs the relay. */
  private final class Node {
    final SimulatedScheduler.Node process;
    final SimulatedClients clients;
    final SimulatedFeed feed;
    SimulatedDatabase database = primary;
    @Nullable KafkaRelay relay;
    private boolean isStarted;
    private boolean isClosed;

    Node(String name) {
      process = scheduler.node(name);
      clients = new SimulatedClients(scheduler, process, broker, setting.loseOneIn());
      feed = new SimulatedFeed(scheduler, () -> database, oracle, setting.breakOneIn());
    }

    private KafkaRelay.Builder describe() {
      KafkaRelay.Builder builder =
          SimulatedRelays.describe(store(feed), clients, process)
              .name(Item.RELAY)
              .topic(Item.EVENTS)
              .store("sim")
              .lanes(setting.lanes())
              .delivery(delivery)
              .leaseTtl(Duration.ofSeconds(setting.leaseSeconds()))
              .deadLetters(Plan.DEAD_LETTERS)
              .onPoison(policy())
              .mapper(
                  event -> {
                    if (event.type().equals("poison")) {
                      throw new IllegalArgumentException("it is poison");
                    }
                    byte[] key = event.stream().toString().getBytes(UTF_8);
                    return List.of(RelayRecord.of(key, event.id().toString().getBytes(UTF_8)));
                  });
      return setting.startLeft() ? builder.startAfter(Position.START) : builder;
    }

    RelayOperations operations() {
      return describe().operations();
    }

    void start() {
      isStarted = true;
      process.start(
          "starting",
          () -> {
            relay = describe().start();
            if (isClosed) {
              relay.close();
            }
          });
    }

    void calm() {
      database = primary;
      clients.loseOneIn = 0;
      feed.breakOneIn = 0;
    }

    void close() {
      isClosed = true;
      KafkaRelay running = relay;
      if (running != null && !process.isKilled()) {
        process.start("closing", running::close);
      }
    }

    boolean hasEnded() {
      return process.isKilled()
          || (relay != null
              && lanes().stream()
                  .allMatch(
                      lane ->
                          lane.state() == RelayStatus.State.STOPPED
                              || lane.state() == RelayStatus.State.HALTED));
    }

    boolean complains() {
      KafkaRelay running = relay;
      return running != null && !process.isKilled() && !running.status().isHealthy();
    }

    /** The states of its lanes; none if it does not run. */
    List<RelayStatus.Lane> lanes() {
      KafkaRelay running = relay;
      return running == null || process.isKilled() ? List.of() : running.status().lanes();
    }
  }

  private Simulation(Plan plan, int traced) {
    this.plan = plan;
    this.setting = plan.setting();
    this.delivery = setting.delivery();
    this.scheduler =
        new SimulatedScheduler(
            plan.seed(),
            new Style(setting.switchOneIn(), setting.jumpOneIn(), setting.stepMicros() * 1_000L),
            MOST_STEPS,
            traced);
    this.world = scheduler.node("world");
    this.starting = world.newLock();
    this.oracle = new Oracle(scheduler, setting);
    this.primary = new SimulatedDatabase(scheduler, oracle, setting.sequenceAhead());
    this.broker = new SimulatedBroker(scheduler, oracle);
    this.random = scheduler.random();
    this.consumers =
        plan.actions().stream()
            .filter(Plan.Group.class::isInstance)
            .map(action -> new Consumers(scheduler, broker, (Plan.Group) action))
            .findFirst();
    oracle.exists(primary);
    if (setting.poison() == Plan.Poison.HALT) {
      plan.actions().stream()
          .filter(action -> action instanceof Append append && append.poisonOneIn() > 0)
          .forEach(action -> oracle.excuse(Excuse.POISON));
    }
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

  /** A store that has a feed, and no more than the relay asks of it. */
  private static EventStore store(SimulatedFeed feed) {
    return (EventStore)
        Proxy.newProxyInstance(
            Simulation.class.getClassLoader(),
            new Class<?>[] {EventStore.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("unwrap")) {
                return arguments[0] == EventFeed.class ? Optional.of(feed) : Optional.empty();
              }
              if (method.getName().equals("readLazily")) {
                return Stream.of();
              }
              throw new UnsupportedOperationException(method.toString());
            });
  }

  private PoisonPolicy policy() {
    return switch (setting.poison()) {
      case HALT -> PoisonPolicy.halt();
      case SKIP -> PoisonPolicy.decide(event -> PoisonPolicy.Decision.SKIP);
      case DEAD_LETTER -> PoisonPolicy.deadLetter();
      case PARK -> PoisonPolicy.parkStream();
    };
  }

  private void live() {
    for (String topic :
        List.of(Item.EVENTS, Item.MESSAGES, Plan.DEAD_LETTERS, Consumers.SET_ASIDE)) {
      broker.create(topic, Plan.PARTITIONS, false);
    }
    world.start("coordinator", broker::abortWhatIsOverdue);
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
    broker.calm();
    nodes.values().forEach(Node::calm);
    consumers.ifPresent(Consumers::calm);
    scheduler.block(primary::isUp, Long.MAX_VALUE);
    awaitArrival();
  }

  private void awaitArrival() {
    node(-1).calm();
    node(-1).start();
    long end = scheduler.after(ARRIVES_WITHIN);
    while (true) {
      StringBuilder missing = new StringBuilder();
      for (int lane = 0; lane < setting.lanes(); lane++) {
        if (!hasHalted(lane) && !oracle.hasArrived(primary, lane)) {
          missing.append(oracle.missing(primary, lane)).append("; ");
        }
      }
      consumers.ifPresent(group -> missing.append(group.missing()));
      if (missing.isEmpty()) {
        return;
      }
      if (end <= scheduler.nanoTime()) {
        if (oracle.isExcused(Excuse.POSITIONS_LOST)
            && nodes.values().stream().anyMatch(Node::complains)) {
          return;
        }
        throw scheduler.fail(new AssertionError("stalled: " + missing + states()));
      }
      scheduler.sleep(500 * MILLI);
    }
  }

  /** Whether a lane has halted wherever it could run, or waits for one that has. */
  private boolean hasHalted(int lane) {
    int able = 0;
    boolean waits = false;
    for (Node node : nodes.values()) {
      boolean anyHalted = false;
      for (RelayStatus.Lane status : node.lanes()) {
        anyHalted |= status.state() == RelayStatus.State.HALTED;
      }
      for (RelayStatus.Lane status : node.lanes()) {
        if (status.lane() == lane) {
          if (status.state() == RelayStatus.State.HALTED) {
            oracle.halted(lane, status.reason().orElse(""));
          } else if (status.state() != RelayStatus.State.STOPPED) {
            able++;
          }
          waits |=
              anyHalted && status.reason().filter(why -> why.endsWith("has not begun")).isPresent();
        }
      }
    }
    return waits || (able == 0 && !node(-1).lanes().isEmpty());
  }

  private String states() {
    StringBuilder states = new StringBuilder();
    nodes.forEach((number, node) -> states.append("node %d: %s; ".formatted(number, node.lanes())));
    return states + consumers.map(Consumers::toString).orElse("");
  }

  private void act(Action action) {
    if (action instanceof Append append) {
      append(append);
    } else if (action instanceof Plan.Start start) {
      start(start.node());
    } else if (action instanceof Plan.Close close) {
      node(close.node()).close();
    } else if (action instanceof Plan.Kill kill) {
      Node node = nodes.remove(kill.node());
      if (node != null) {
        node.process.kill();
      }
    } else if (action instanceof Plan.Freeze freeze) {
      node(freeze.node()).process.freeze(freeze.millis() * MILLI);
    } else if (action instanceof Plan.WrongPassword refused) {
      node(refused.node()).clients.isRefused = true;
    } else if (action instanceof Plan.Away away) {
      broker.goAway(away.millis() * MILLI);
    } else if (action instanceof Plan.Slow slow) {
      broker.slow(slow.millis() * MILLI);
    } else if (action instanceof Plan.RestorePositions restore) {
      oracle.excuse(Excuse.POSITIONS_LOST);
      broker.restore(POSITIONS, restore.lost());
    } else if (action instanceof Plan.DeletePositions) {
      oracle.excuse(Excuse.POSITIONS_LOST);
      broker.delete(POSITIONS);
    } else if (action instanceof Plan.Recover recover) {
      recover(recover);
    } else if (action instanceof Plan.Deliver deliver) {
      deliver(deliver);
    } else if (action instanceof Plan.Pause pause) {
      operate(operations -> operations.pause("for a while"));
      scheduler.sleep(pause.millis() * MILLI);
      operate(RelayOperations::resume);
    } else if (action instanceof Plan.Rewind rewind) {
      operate(
          operations -> {
            long now = operations.position().value();
            operations.rewindTo(Position.of(Math.max(0, now - rewind.back())), "lost in Kafka");
          });
    } else if (!actOnConsumers(action) && primary.isUp()) {
      actOnDatabase(action);
    }
  }

  private boolean actOnConsumers(Action action) {
    return consumers.isPresent() && actOn(consumers.get(), action);
  }

  private static boolean actOn(Consumers group, Action action) {
    if (action instanceof Plan.Consume consume) {
      group.start(consume.consumer());
    } else if (action instanceof Plan.EndConsumer end) {
      group.close(end.consumer());
    } else if (action instanceof Plan.KillConsumer kill) {
      group.kill(kill.consumer(), kill.noticed());
    } else if (action instanceof Plan.FreezeConsumer freeze) {
      group.freeze(freeze.consumer(), freeze.millis());
    } else if (action instanceof Plan.MarksDown down) {
      group.databaseDown(down.millis());
    } else if (action instanceof Plan.MarksReadOnly readOnly) {
      group.databaseReadOnly(readOnly.millis());
    } else if (action instanceof Plan.SetBack back) {
      group.setBack(back.records());
    } else {
      return false;
    }
    return true;
  }

  private void actOnDatabase(Action action) {
    if (action instanceof Plan.Crash crash) {
      primary.crash(crash.down() * MILLI);
    } else if (action instanceof Plan.Restart restart) {
      primary.shutDown(restart.down() * MILLI);
    } else if (action instanceof Plan.Move move) {
      primary.move(move.down() * MILLI);
    } else if (action instanceof Plan.Failover failover) {
      Node left = nodes.get(failover.left());
      SimulatedDatabase old = primary.failOver(failover.lost(), failover.down() * MILLI);
      if (left != null && left.database == primary) {
        oracle.excuse(Excuse.HISTORY_LOST);
        oracle.exists(old);
        left.database = old;
      }
    }
  }

  private void start(int number) {
    starting.lock();
    try {
      Node before = nodes.remove(number);
      if (before != null) {
        before.close();
      }
      node(number).start();
    } finally {
      starting.unlock();
    }
  }

  /** Stops the relay everywhere, and starts it again where it ran. */
  private void deliver(Plan.Deliver deliver) {
    starting.lock();
    try {
      List<Integer> running = stopAll();
      Delivery before = delivery;
      delivery = deliver.delivery();
      if (deliver.begins()) {
        if (!operate(operations -> operations.redeclare("another delivery"))) {
          // It has to catch up first, as it was.
          delivery = before;
        }
      } else {
        oracle.excuse(Excuse.DELIVERY_CHANGED);
      }
      oracle.delivers(delivery);
      running.forEach(number -> node(number).start());
    } finally {
      starting.unlock();
    }
  }

  /** What is recovered must be what the relays would have gone on with: nothing is excused. */
  private void recover(Plan.Recover recover) {
    starting.lock();
    try {
      List<Integer> running = stopAll();
      List<Map<String, String>> before = oracle.notes(primary);
      if (delivery == Delivery.AT_LEAST_ONCE) {
        primary.forget("position");
      } else if (recover.lost() == 0) {
        broker.delete(POSITIONS);
      } else {
        broker.restore(POSITIONS, recover.lost());
      }
      if (delivery == Delivery.EXACTLY_ONCE) {
        oracle.noted(broker.topic(POSITIONS));
      }
      operate(
          operations -> {
            RecoveryReport report =
                operations.recover("lost", Set.of(Item.MESSAGES), progress -> {});
            scheduler.note("recovered %s", report.lanes());
            oracle.recovered(before, oracle.notes(primary));
          });
      running.forEach(number -> node(number).start());
    } finally {
      starting.unlock();
    }
  }

  private List<Integer> stopAll() {
    List<Integer> running = new ArrayList<>();
    for (int number : List.copyOf(nodes.keySet())) {
      Node node = nodes.remove(number);
      if (node != null && node.isStarted && !node.process.isKilled()) {
        node.close();
        running.add(number);
        while (!node.hasEnded()) {
          scheduler.sleep(100 * MILLI);
        }
      }
    }
    return running;
  }

  /** What an operator does. */
  private interface Operation {
    void on(RelayOperations operations) throws InterruptedException;
  }

  /** An operator tries a few times. */
  /** Does it again and again for a while, and tells whether it has succeeded. */
  private boolean operate(Operation operation) {
    Node operator = new Node("operator " + ++starts);
    boolean[] done = {false};
    boolean[] succeeded = {false};
    operator.process.start(
        "operating",
        () -> {
          for (int i = 0; i < 20 && !done[0]; i++) {
            try {
              operation.on(operator.operations());
              succeeded[0] = true;
              done[0] = true;
            } catch (EventStoreException | KafkaException | IllegalStateException e) {
              scheduler.note("an operation fails: %s", e);
              scheduler.sleep(500 * MILLI);
            } catch (IllegalArgumentException e) {
              scheduler.note("an operation is refused: %s", e);
              done[0] = true;
            } catch (InterruptedException e) {
              throw new AssertionError(e);
            }
          }
          done[0] = true;
        });
    scheduler.block(() -> done[0], Long.MAX_VALUE);
    return succeeded[0];
  }

  private Node node(int number) {
    Node node = nodes.get(number);
    if (node == null) {
      node = new Node("node " + number + "." + ++starts);
      nodes.put(number, node);
    }
    return node;
  }

  // Those who append.

  private void append(Append append) {
    for (int i = 0; i < append.count() && scheduler.nanoTime() < APPEND_UNTIL; i++) {
      Node node = nodes.get(append.node());
      SimulatedDatabase database = node == null ? primary : node.database;
      if (database.isUp()) {
        List<Item> placed = database.append(items(append), append.open() * MILLI, append.end());
        scheduler.note("appended %s", placed);
      }
      if (append.pause() > 0) {
        scheduler.sleep(random.nextLong(append.pause() * MILLI));
      }
    }
  }

  private List<Item> items(Append append) {
    boolean messages = random.nextInt(100) < append.messages();
    StreamId stream = StreamId.parse((messages ? "m-" : "a-") + random.nextInt(append.streams()));
    String topic = messages && !setting.oneTopic() ? Item.MESSAGES : Item.EVENTS;
    List<Item> items = new ArrayList<>();
    for (int i = 1 + random.nextInt(append.most()); i > 0; i--) {
      boolean poison = !messages && scheduler.oneIn(append.poisonOneIn());
      items.add(new Item(0, new UUID(0, ++made), stream, messages ? 0 : 1, topic, poison));
    }
    return items;
  }
}
