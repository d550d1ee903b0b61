package dev.pgeventstore.postgres.internal.simulation;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Event;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * What happens in a run, but for the order in which tasks go on: that is chosen by the seed.
 *
 * @param seed of the scheduler
 * @param setting of the world
 * @param actions what is done, each at its time
 */
record Plan(long seed, Setting setting, List<Action> actions) {

  /**
   * The world.
   *
   * @param switchOneIn see {@link SimulatedScheduler.Style}
   * @param jumpOneIn see {@link SimulatedScheduler.Style}
   * @param stepMicros see {@link SimulatedScheduler.Style}
   * @param breakOneIn how many statements there are to one whose connection breaks; 0 for none
   * @param sequenceAhead how many positions are logged ahead
   * @param clockPercent how fast the server's clock is
   */
  record Setting(
      int switchOneIn,
      int jumpOneIn,
      int stepMicros,
      int breakOneIn,
      int sequenceAhead,
      int clockPercent) {}

  /** Something that is done at a time, in milliseconds. */
  sealed interface Action {
    int at();
  }

  /** How a transaction that appends ends. */
  enum End {
    COMMIT,
    COMMIT_ASYNCHRONOUSLY,
    ROLL_BACK,
    PREPARE
  }

  /**
   * A client appends.
   *
   * @param node where its store is; -1 for a process of its own
   * @param streams how many streams it writes to
   * @param count how many transactions
   * @param most the most events in one
   * @param bytes how large an event is
   * @param open the longest time that a transaction stays open, in milliseconds
   * @param pause the longest time between two, in milliseconds
   */
  record Append(
      int at, int node, int streams, int count, int most, int bytes, int open, int pause, End end)
      implements Action {}

  /**
   * A node starts a subscription, and the node if it does not run.
   *
   * @param pace the longest time that the handler takes, in milliseconds
   * @param failOneIn how many calls of the handler there are to one that fails; 0 for none
   * @param retries before an event is parked; 0 to stop at once
   * @param knows whether it can decode all events: if not, those of one type are unknown to it
   */
  record Subscribe(
      int at,
      int node,
      String name,
      Query query,
      int batch,
      int partitions,
      int pace,
      int failOneIn,
      int retries,
      boolean knows)
      implements Action {}

  /**
   * A client follows.
   *
   * @param pace the longest time that it takes for a page, in milliseconds
   */
  record Follow(int at, int node, Query query, int limit, int pace) implements Action {}

  /** A client asks for one page after the other, and goes on behind the last, come what may. */
  record Ask(int at, int node, Query query, int limit, int pause) implements Action {}

  /** A client appends an event and waits until a subscription has applied it. */
  record Await(int at, int node, String name, int times) implements Action {}

  /** The same, with the position of the event only. */
  record AwaitPosition(int at, int node, String name, int times) implements Action {}

  /** The process is killed. */
  record Kill(int at, int node) implements Action {}

  /** The process closes its store. */
  record Close(int at, int node) implements Action {}

  /** The process stands still. */
  record Freeze(int at, int node, int millis) implements Action {}

  /** The server crashes. */
  record Crash(int at, int down) implements Action {}

  /** A standby takes over, to which the last records of the log have not come. */
  record Failover(int at, int lost, int down) implements Action {}

  /** What readers want. */
  enum Query {
    ALL(EventQuery.all(), event -> true),
    CATEGORY_A(EventQuery.all().categories("a"), event -> event.category().equals("a")),
    TYPE_X(EventQuery.all().types("x"), event -> event.type().equals("x")),
    TYPE_X_OF_B(
        EventQuery.all().categories("b").types("x"),
        event -> event.category().equals("b") && event.type().equals("x"));

    final EventQuery query;
    final Predicate<Event> wants;

    Query(EventQuery query, Predicate<Event> wants) {
      this.query = query;
      this.wants = wants;
    }
  }

  /** What a plan has most of. */
  enum Focus {
    /** Readers of one log and of different pace, in one process. */
    READERS,
    /** Transactions that end late, in another order, or twice prepared. */
    FENCE,
    /** Nodes that come, stall, lose connections and go. */
    NODES,
    /** Other numbers of partitions while handlers are busy. */
    PARTITIONS,
    /** Crashes and failovers, and callers that wait for what they have appended. */
    HISTORY,
    /** Failovers while a handler that has failed pauses before it tries again. */
    RETRIES,
    /** Crashes and failovers, and clients that go on behind what they were given. */
    CLIENTS,
    /** Everything. */
    ALL
  }

  /** The plan of a seed: its focus, too, follows from the seed. */
  static Plan random(long seed) {
    Focus[] all = Focus.values();
    return random(seed, all[(int) Math.floorMod(seed, (long) all.length)]);
  }

  static Plan random(long seed, Focus focus) {
    return new PlanMaker(new SplittableRandom(seed)).plan(seed, focus);
  }

  Plan with(long otherSeed, List<Action> some) {
    return new Plan(otherSeed, setting, some);
  }

  /** As it stands in a test. */
  @Override
  public String toString() {
    return "new Plan(%dL, %s, List.of(\n    %s))"
        .formatted(
            seed,
            code(setting),
            actions.stream().map(Plan::code).collect(Collectors.joining(",\n    ")));
  }

  private static String code(Record part) {
    List<String> values = new ArrayList<>();
    try {
      for (RecordComponent component : part.getClass().getRecordComponents()) {
        Object value = component.getAccessor().invoke(part);
        values.add(
            value instanceof String
                ? '"' + value.toString() + '"'
                : value instanceof Enum<?> choice
                    ? choice.getDeclaringClass().getSimpleName() + "." + choice.name()
                    : value.toString());
      }
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
    return "new " + part.getClass().getSimpleName() + "(" + String.join(", ", values) + ")";
  }

  private static String code(Action action) {
    return code((Record) action);
  }

  /** Makes plans. */
  private record PlanMaker(SplittableRandom random) {

    private int of(int... choices) {
      return choices[random.nextInt(choices.length)];
    }

    private <T> T of(List<T> choices) {
      return choices.get(random.nextInt(choices.size()));
    }

    Plan plan(long seed, Focus focus) {
      Setting setting =
          new Setting(
              of(2, 4, 10, 30),
              of(0, 0, 30, 200, 1000),
              of(1, 5, 40),
              focus == Focus.NODES ? of(30, 100, 300) : of(0, 0, 300, 2_000),
              of(0, 0, 32),
              of(100, 100, 101, 90, 150));
      List<Action> actions = new ArrayList<>();
      switch (focus) {
        case READERS -> readers(actions);
        case FENCE -> fence(actions);
        case NODES -> nodes(actions);
        case PARTITIONS -> partitions(actions);
        case HISTORY -> history(actions);
        case RETRIES -> retries(actions);
        case CLIENTS -> clients(actions);
        case ALL -> {
          readers(actions);
          fence(actions);
          nodes(actions);
          partitions(actions);
          history(actions);
          retries(actions);
          clients(actions);
          while (actions.size() > 14) {
            actions.remove(random.nextInt(actions.size()));
          }
        }
      }
      return new Plan(seed, setting, List.copyOf(actions));
    }

    private void readers(List<Action> actions) {
      Query query = of(List.of(Query.values()));
      Query other = random.nextInt(3) == 0 ? of(List.of(Query.values())) : query;
      actions.add(append(0, 0, of(10, 60), of(1, 3, 30), 0));
      if (random.nextBoolean()) {
        actions.add(append(random.nextInt(8_000), 0, of(2, 10, 60), of(1, 3), of(0, 2)));
      }
      for (int i = of(2, 3, 5); i > 0; i--) {
        actions.add(
            new Subscribe(
                of(0, random.nextInt(3_000), random.nextInt(10_000)),
                0,
                "view" + i,
                of(List.of(query, other)),
                of(1, 5, 20, 30, 100, 500),
                of(1, 1, 1, 2, 4),
                of(0, 0, 5, 100, 2_000, 6_000),
                of(0, 0, 0, 10, 40),
                of(3, 50, 0),
                true));
      }
      for (int i = of(0, 1, 2); i > 0; i--) {
        actions.add(
            new Follow(
                random.nextInt(8_000),
                0,
                of(List.of(query, other)),
                of(1, 20, 100),
                of(0, 50, 6_000)));
      }
    }

    private void fence(List<Action> actions) {
      for (int i = of(2, 3, 5); i > 0; i--) {
        actions.add(append(random.nextInt(3_000), 0, of(10, 60), of(1, 3), of(0, 2, 20, 300)));
      }
      actions.add(subscribe(random.nextInt(3_000), 0, Query.ALL, 1, 0));
      actions.add(new Follow(random.nextInt(2_000), 0, Query.ALL, of(1, 20, 100), 0));
    }

    private void nodes(List<Action> actions) {
      int nodes = of(1, 2, 3);
      int pace = of(0, 20, 400, 4_000);
      Query query = of(List.of(Query.values()));
      for (int i = of(1, 2); i > 0; i--) {
        actions.add(append(random.nextInt(3_000), nodes, of(10, 60), of(1, 3, 30), of(0, 2)));
      }
      for (int i = of(2, 4, 6); i > 0; i--) {
        Query declared = random.nextInt(6) == 0 ? of(List.of(Query.values())) : query;
        actions.add(
            subscribe(
                random.nextInt(10_000), random.nextInt(nodes), declared, of(1, 2, 3, 4), pace));
      }
      for (int i = of(1, 3, 5); i > 0; i--) {
        int at = random.nextInt(12_000);
        int node = random.nextInt(nodes);
        actions.add(
            switch (random.nextInt(4)) {
              case 0 -> new Kill(at, node);
              case 1 -> new Close(at, node);
              default -> new Freeze(at, node, of(20, 500, 4_000, 15_000));
            });
      }
    }

    private void partitions(List<Action> actions) {
      int pace = of(300, 1_500, 4_000);
      for (int i = of(1, 2); i > 0; i--) {
        actions.add(append(random.nextInt(500), 0, 60, of(1, 3), of(0, 2)));
      }
      for (int node = of(2, 3, 4); node > 0; node--) {
        actions.add(subscribe(random.nextInt(6_000), node, Query.ALL, of(1, 2, 3, 4), pace));
        if (random.nextInt(3) == 0) {
          actions.add(new Close(3_000 + random.nextInt(6_000), node));
        }
      }
    }

    private void history(List<Action> actions) {
      for (int i = of(1, 2, 3); i > 0; i--) {
        actions.add(append(random.nextInt(3_000), 1, of(10, 60), of(1, 3, 30), of(0, 2, 300)));
      }
      actions.add(subscribe(random.nextInt(3_000), 0, Query.ALL, of(1, 4), of(0, 100, 400)));
      actions.add(new Await(random.nextInt(6_000), 0, "view", of(5, 30)));
      actions.add(new AwaitPosition(random.nextInt(6_000), 0, "view", of(5, 30)));
      restarts(actions);
    }

    private void retries(List<Action> actions) {
      for (int i = of(2, 3); i > 0; i--) {
        actions.add(new Append(random.nextInt(500), -1, 3, 60, 3, 10, 0, of(20, 300), End.COMMIT));
      }
      actions.add(
          new Subscribe(
              0, 0, "view", Query.ALL, of(5, 30, 500), of(1, 1, 4), 0, of(2, 3), 50, true));
      for (int i = of(3, 6); i > 0; i--) {
        actions.add(new Failover(500 + random.nextInt(9_000), of(1, 2, 5, 10), 1));
      }
    }

    private void clients(List<Action> actions) {
      End unflushed = of(List.of(End.COMMIT_ASYNCHRONOUSLY, End.ROLL_BACK));
      actions.add(
          new Append(
              random.nextInt(1_000), -1, 3, of(10, 60), of(1, 3), 10, 0, of(5, 400), unflushed));
      for (int i = of(1, 2); i > 0; i--) {
        actions.add(append(random.nextInt(3_000), 1, of(10, 60), of(1, 3, 30), of(0, 2, 300)));
      }
      Query query = of(List.of(Query.values()));
      int limit = of(1, 20, 100);
      if (random.nextBoolean()) {
        actions.add(new Follow(random.nextInt(2_000), 0, query, limit, of(0, 50)));
      }
      actions.add(new Ask(random.nextInt(2_000), 0, query, limit, of(1, 20, 300)));
      restarts(actions);
    }

    private void restarts(List<Action> actions) {
      for (int i = of(1, 2, 4, 6); i > 0; i--) {
        int at = random.nextInt(12_000);
        int down = of(1, 1, 500);
        actions.add(
            random.nextInt(3) == 0 ? new Failover(at, of(1, 3, 10), down) : new Crash(at, down));
      }
    }

    private Subscribe subscribe(int at, int node, Query query, int partitions, int pace) {
      return new Subscribe(
          at,
          node,
          "view",
          query,
          of(1, 5, 30, 500),
          partitions,
          pace,
          of(0, 0, 10, 40),
          of(3, 50, 0),
          random.nextInt(8) > 0);
    }

    private Append append(int at, int nodes, int count, int most, int open) {
      End end =
          of(
              Arrays.asList(
                  End.COMMIT, End.COMMIT, End.COMMIT_ASYNCHRONOUSLY, End.ROLL_BACK, End.PREPARE));
      return new Append(
          at,
          random.nextInt(nodes + 1) - 1,
          of(1, 3, 10),
          count / (most > 3 ? 5 : 1) + 1,
          most,
          of(10, 10, 10, 9_000, 200_000),
          open,
          of(0, 5, 400),
          end);
    }
  }
}
