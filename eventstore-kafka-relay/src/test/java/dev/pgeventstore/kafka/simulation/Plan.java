package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;

/**
 * What happens in a run, but for the order in which tasks go on: that is chosen by the seed.
 *
 * @param seed of the scheduler
 * @param setting of the world
 * @param actions what is done, each at its time
 */
record Plan(long seed, Setting setting, List<Action> actions) {

  static final String DEAD_LETTERS = "dead";

  /** How many partitions each topic has. */
  static final int PARTITIONS = 2;

  /**
   * The world.
   *
   * @param switchOneIn see {@link SimulatedScheduler.Style}
   * @param jumpOneIn see {@link SimulatedScheduler.Style}
   * @param stepMicros see {@link SimulatedScheduler.Style}
   * @param breakOneIn how many calls of the database there are to one that fails; 0 for none
   * @param loseOneIn how many of the broker's answers there are to one that is lost; 0 for none
   * @param sequenceAhead how many positions are logged ahead
   * @param leaseSeconds how long a lease lasts
   * @param lanes of the relay
   * @param delivery with which the relay begins
   * @param oneTopic whether messages go where the events go
   * @param startLeft whether the relay is always described with a start, as for its first run
   * @param poison what is done about what cannot be published
   */
  record Setting(
      int switchOneIn,
      int jumpOneIn,
      int stepMicros,
      int breakOneIn,
      int loseOneIn,
      int sequenceAhead,
      int leaseSeconds,
      int lanes,
      Delivery delivery,
      boolean oneTopic,
      boolean startLeft,
      Poison poison) {}

  /** What is done about what cannot be published. */
  enum Poison {
    HALT,
    SKIP,
    DEAD_LETTER,
    PARK
  }

  /** How a transaction that appends ends. */
  enum End {
    COMMIT,
    COMMIT_ASYNCHRONOUSLY,
    ROLL_BACK
  }

  /** Something that is done at a time, in milliseconds. */
  sealed interface Action {
    int at();
  }

  /**
   * A client appends.
   *
   * @param node to whose database; -1 for the primary
   * @param streams how many streams it writes to
   * @param count how many transactions
   * @param most the most events or messages in one
   * @param messages how many percent are messages
   * @param open the longest time that a transaction stays open, in milliseconds
   * @param pause the longest time between two, in milliseconds
   * @param poisonOneIn how many events there are to one that cannot be published; 0 for none
   */
  record Append(
      int at,
      int node,
      int streams,
      int count,
      int most,
      int messages,
      int open,
      int pause,
      int poisonOneIn,
      End end)
      implements Action {}

  /** A node starts the relay. */
  record Start(int at, int node) implements Action {}

  /** A node closes its relay. */
  record Close(int at, int node) implements Action {}

  /** The process is killed. */
  record Kill(int at, int node) implements Action {}

  /** The process stands still. */
  record Freeze(int at, int node, int millis) implements Action {}

  /** A node's password for Kafka is wrong from now on. */
  record WrongPassword(int at, int node) implements Action {}

  /** The database crashes and comes back with what was flushed. */
  record Crash(int at, int down) implements Action {}

  /** The database is restarted in good order. */
  record Restart(int at, int down) implements Action {}

  /**
   * A standby takes over without the last items, or an older copy is restored.
   *
   * @param lost how many events and messages
   * @param left the node that goes on with the old primary; -1 for none
   */
  record Failover(int at, int lost, int down, int left) implements Action {}

  /** The database is moved by dump and restore. */
  record Move(int at, int down) implements Action {}

  /** The broker is away. */
  record Away(int at, int millis) implements Action {}

  /** The broker is slow. */
  record Slow(int at, int millis) implements Action {}

  /** The position topic is brought back as it was before its last records. */
  record RestorePositions(int at, int lost) implements Action {}

  /** The position topic is deleted. */
  record DeletePositions(int at) implements Action {}

  /**
   * All relays are stopped, their positions are lost, an operator recovers them, and the relays are
   * started again.
   *
   * @param lost how many records at the end of the position topic; 0 for all
   */
  record Recover(int at, int lost) implements Action {}

  /**
   * All relays are stopped, and started with another delivery.
   *
   * @param begins whether a new series is begun for that, as it must be
   */
  record Deliver(int at, Delivery delivery, boolean begins) implements Action {}

  /** An operator pauses the relay, and ends the pause. */
  record Pause(int at, int millis) implements Action {}

  /** An operator rewinds the relay. */
  record Rewind(int at, int back) implements Action {}

  /**
   * Consumers read what is published.
   *
   * @param eager whether each gives up all its partitions when any comes or goes
   * @param letters whether there is a dead letter topic
   * @param retries of a record that fails alone
   * @param threads of each consumer that call the handler
   * @param most records of a poll, and of a transaction
   * @param hopelessOneIn how many records there are to one that can never be handled; 0 for none
   * @param failOneIn how many records there are to one at which a handler fails; 0 for none
   * @param hangOneIn how many there are to one at which it hangs; 0 for none
   * @param hang for how long, in milliseconds
   * @param breakOneIn how many calls of their database there are to one that fails; 0 for none
   * @param loseOneIn how many of the broker's answers there are to one that is lost; 0 for none
   */
  record Group(
      int at,
      boolean eager,
      boolean letters,
      int retries,
      int threads,
      int most,
      int hopelessOneIn,
      int failOneIn,
      int hangOneIn,
      int hang,
      int breakOneIn,
      int loseOneIn)
      implements Action {}

  /** A consumer is started, or started again. */
  record Consume(int at, int consumer) implements Action {}

  /** A consumer is closed. */
  record EndConsumer(int at, int consumer) implements Action {}

  /**
   * A consumer's process is killed.
   *
   * @param noticed after which time the database notices, in milliseconds
   */
  record KillConsumer(int at, int consumer, int noticed) implements Action {}

  /** A consumer's process stands still. */
  record FreezeConsumer(int at, int consumer, int millis) implements Action {}

  /** The consumers' database is away. */
  record MarksDown(int at, int millis) implements Action {}

  /** Transactions in the consumers' database may only read. */
  record MarksReadOnly(int at, int millis) implements Action {}

  /** The group's offsets are set back. */
  record SetBack(int at, int records) implements Action {}

  /** What a plan has most of. */
  enum Focus {
    /** The database crashes, fails over, is restored, is moved. */
    HISTORY,
    /** The broker is away, is slow, and loses answers. */
    BROKER,
    /** Nodes come, stall, lose connections and go. */
    NODES,
    /** A node cannot write to Kafka. */
    REFUSED,
    /** The position topic goes back or away. */
    POSITIONS,
    /** So it does, and an operator recovers it. */
    RECOVERY,
    /** The delivery is changed. */
    DELIVERY,
    /** What cannot be published, and what operators do. */
    OPERATORS,
    /** Consumers come, stall, fail and go, and so does their database. */
    CONSUMERS
  }

  /** The plan of a seed: its focus, too, follows from the seed. */
  static Plan random(long seed) {
    return random(seed, focus(seed));
  }

  static Focus focus(long seed) {
    Focus[] all = Focus.values();
    return all[(int) Math.floorMod(seed, (long) all.length)];
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
            value instanceof Enum<?> choice
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

    private static final int LONG = 12_000;

    private int of(int... choices) {
      return choices[random.nextInt(choices.length)];
    }

    private <T> T of(List<T> choices) {
      return choices.get(random.nextInt(choices.size()));
    }

    private int time() {
      return random.nextInt(LONG);
    }

    Plan plan(long seed, Focus focus) {
      boolean operators = focus == Focus.OPERATORS || focus == Focus.RECOVERY;
      Delivery delivery =
          of(List.of(Delivery.EXACTLY_ONCE, Delivery.EXACTLY_ONCE, Delivery.AT_LEAST_ONCE));
      // At least once a topic is known by the database only, and forgotten with what that loses.
      boolean mayForget =
          focus == Focus.DELIVERY || (focus == Focus.HISTORY && delivery == Delivery.AT_LEAST_ONCE);
      Setting setting =
          new Setting(
              of(2, 4, 10, 30),
              of(0, 0, 30, 200, 1000),
              of(1, 5, 40),
              focus == Focus.NODES ? of(30, 100, 300) : of(0, 0, 0, 300),
              focus == Focus.BROKER ? of(10, 30, 100) : of(0, 0, 0, 200),
              of(0, 0, 32),
              of(3, 10),
              of(1, 1, 2, 4),
              delivery,
              mayForget || (!operators && random.nextInt(3) == 0),
              random.nextBoolean(),
              operators ? of(List.of(Poison.values())) : Poison.HALT);
      List<Action> actions = new ArrayList<>();
      int nodes = of(1, 2, 3);
      for (int node = 0; node < nodes; node++) {
        actions.add(new Start(of(0, random.nextInt(3_000)), node));
      }
      for (int i = of(1, 2, 3); i > 0; i--) {
        actions.add(append(operators ? of(0, 10, 30) : 0));
      }
      switch (focus) {
        case HISTORY -> history(actions, nodes);
        case BROKER -> broker(actions);
        case NODES -> nodes(actions, nodes);
        case REFUSED -> actions.add(new WrongPassword(time(), random.nextInt(nodes)));
        case POSITIONS -> positions(actions);
        case RECOVERY -> recovery(actions);
        case DELIVERY -> delivery(actions, setting.delivery());
        case OPERATORS -> operators(actions);
        case CONSUMERS -> {
          consumers(actions);
          beside(actions, nodes, setting);
        }
      }
      return new Plan(seed, setting, List.copyOf(actions));
    }

    private Append append(int poisonOneIn) {
      return new Append(
          random.nextInt(8_000),
          -1,
          of(1, 3, 10),
          of(1, 3, 10, 25),
          of(1, 3),
          of(0, 50, 100),
          of(0, 0, 5, 300),
          of(0, 5, 400),
          poisonOneIn,
          of(List.of(End.COMMIT, End.COMMIT, End.COMMIT_ASYNCHRONOUSLY, End.ROLL_BACK)));
    }

    private void history(List<Action> actions, int nodes) {
      for (int i = of(1, 1, 2, 3); i > 0; i--) {
        int down = of(1, 1, 500);
        actions.add(
            switch (random.nextInt(6)) {
              case 0 -> new Crash(time(), down);
              case 1 -> new Restart(time(), down);
              case 2 -> new Move(time(), down);
              default ->
                  new Failover(time(), of(0, 1, 1, 3, 10), down, of(-1, -1, random.nextInt(nodes)));
            });
      }
      actions.add(append(0));
    }

    private void broker(List<Action> actions) {
      for (int i = of(1, 2, 3); i > 0; i--) {
        int millis = of(100, 2_000, 7_000);
        actions.add(random.nextBoolean() ? new Away(time(), millis) : new Slow(time(), millis));
      }
    }

    private void nodes(List<Action> actions, int nodes) {
      for (int i = of(1, 3, 5); i > 0; i--) {
        int node = random.nextInt(nodes);
        int at = time();
        actions.add(
            switch (random.nextInt(5)) {
              case 0 -> new Kill(at, node);
              case 1 -> new Close(at, node);
              case 2 -> new Start(at, node);
              default -> new Freeze(at, node, of(20, 500, 4_000, 15_000));
            });
      }
    }

    private void positions(List<Action> actions) {
      int at = 3_000 + random.nextInt(9_000);
      actions.add(
          random.nextInt(3) == 0
              ? new DeletePositions(at)
              : new RestorePositions(at, of(1, 3, 10, 100)));
      actions.add(new Close(at - 1, 0));
      actions.add(new Start(at + 500, 0));
    }

    private void recovery(List<Action> actions) {
      for (int i = of(1, 1, 2); i > 0; i--) {
        actions.add(new Recover(1_000 + random.nextInt(11_000), of(0, 0, 1, 3, 10, 100)));
      }
    }

    private void delivery(List<Action> actions, Delivery first) {
      int at = time() / 2;
      Delivery other =
          first == Delivery.EXACTLY_ONCE ? Delivery.AT_LEAST_ONCE : Delivery.EXACTLY_ONCE;
      boolean begins = random.nextInt(3) == 0;
      actions.add(new Deliver(at, other, begins));
      if (random.nextInt(6) > 0) {
        actions.add(new Deliver(at + 500 + random.nextInt(5_000), first, begins));
      }
      actions.add(append(0));
    }

    private void consumers(List<Action> actions) {
      boolean letters = random.nextInt(3) > 0;
      actions.add(
          new Group(
              0,
              random.nextBoolean(),
              letters,
              of(0, 1, 3),
              of(1, 2, 4),
              of(1, 3, 10),
              letters ? of(0, 0, 5) : 0,
              of(0, 0, 5, 20),
              of(0, 3, 10),
              of(100, 1_000, 5_000, 9_000),
              of(0, 0, 30, 100, 300),
              of(0, 0, 20, 100)));
      int consumers = of(1, 2, 2, 3);
      for (int consumer = 0; consumer < consumers; consumer++) {
        actions.add(new Consume(of(0, 0, time()), consumer));
      }
      actions.add(new Append(0, -1, of(1, 3, 10), 40, of(1, 3), of(0, 50), 0, 400, 0, End.COMMIT));
      for (int i = of(2, 4, 6); i > 0; i--) {
        actions.add(onConsumers(time(), random.nextInt(consumers)));
      }
    }

    /** What the relay does meanwhile. */
    private void beside(List<Action> actions, int nodes, Setting setting) {
      switch (random.nextInt(6)) {
        case 0 -> nodes(actions, nodes);
        case 1 -> positions(actions);
        case 2 -> {
          // At least once a topic is known by the database only, and forgotten with what that
          // loses.
          if (setting.delivery() == Delivery.EXACTLY_ONCE) {
            history(actions, nodes);
          }
        }
        case 3 -> {
          // Of messages that come again with events it is not known which do.
          if (!setting.oneTopic()) {
            actions.add(new Rewind(time(), of(1, 5, 100)));
          }
        }
        default -> {}
      }
    }

    private Action onConsumers(int at, int consumer) {
      return switch (random.nextInt(12)) {
        case 0, 1, 2 -> new KillConsumer(at, consumer, of(0, 500, 9_000, 12_000));
        case 3 -> new EndConsumer(at, consumer);
        case 4, 5 -> new Consume(at, consumer);
        case 6 -> new MarksDown(at, of(1, 300, 4_000));
        case 7 -> new MarksReadOnly(at, of(300, 4_000));
        case 8 -> new SetBack(at, of(1, 5, 1_000));
        case 9 -> new Away(at, of(100, 2_000, 7_000));
        default -> new FreezeConsumer(at, consumer, of(20, 500, 7_000, 9_000, 15_000));
      };
    }

    private void operators(List<Action> actions) {
      if (random.nextBoolean()) {
        actions.add(new Pause(time(), of(100, 3_000)));
      }
      if (random.nextBoolean()) {
        actions.add(new Rewind(time(), of(1, 5, 100)));
      }
    }
  }
}
