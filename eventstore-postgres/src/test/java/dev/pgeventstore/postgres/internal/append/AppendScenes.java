package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.Append;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Answer;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Outcome;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import dev.pgeventstore.testkit.internal.simulation.Explorer;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Node;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * What a few threads do with a {@link GroupAppender}, for the {@link Explorer}. In whatever order:
 * each append has one outcome, and it is true; an interrupt is kept; what a thread appends to a
 * stream is written in its order; closing ends in time; no thread waits for ever.
 */
final class AppendScenes implements BiFunction<String, Integer, Map.Entry<Integer, String>> {

  private static final int PREEMPTIONS = 2;

  private static final Duration NEVER = Duration.ofHours(3);
  private static final Duration SOON = Duration.ofMillis(5);
  private static final Duration CLOSING = Duration.ofMillis(10);

  private static final long ROUND_TRIP_NANOS = TimeUnit.MICROSECONDS.toNanos(100);
  private static final long SILENCE_NANOS = TimeUnit.HOURS.toNanos(1);
  private static final long LATE_NANOS = TimeUnit.HOURS.toNanos(2);
  private static final long SOON_NANOS = TimeUnit.MINUTES.toNanos(10);

  /** Closing takes two times its limit and a second, and the clock jumps by two seconds at most. */
  private static final long LONGEST_CLOSING_NANOS = TimeUnit.SECONDS.toNanos(4);

  private static final Map<String, Scene> SCENES =
      Map.ofEntries(
          Map.entry("three append", AppendScenes::threeAppend),
          Map.entry("one of three is interrupted", AppendScenes::oneOfThreeIsInterrupted),
          Map.entry("appending twice", AppendScenes::appendingTwice),
          Map.entry("closing", AppendScenes::closing),
          Map.entry("closing without an answer", AppendScenes::closingWithoutAnAnswer),
          Map.entry("closing beside a locked row", AppendScenes::closingBesideALockedRow),
          Map.entry("closing without a connection", AppendScenes::closingWithoutAConnection),
          Map.entry("no answer", AppendScenes::noAnswer),
          Map.entry("no answer to the group's own thread", AppendScenes::noAnswerToTheDispatcher),
          Map.entry("no answer to the second batch", AppendScenes::noAnswerToTheSecondBatch),
          Map.entry("an answer that comes late", AppendScenes::anAnswerThatComesLate),
          Map.entry("a locked row", AppendScenes::aLockedRow),
          Map.entry("behind a locked row", AppendScenes::behindALockedRow),
          Map.entry("a lost connection", AppendScenes::aLostConnection),
          Map.entry("one is refused", AppendScenes::oneIsRefused),
          Map.entry("no room", AppendScenes::noRoom));

  AppendScenes() {}

  static List<String> names() {
    return SCENES.keySet().stream().sorted().toList();
  }

  /** Explores a scene: in how many orders, and what failed in the last one, or nothing. */
  @Override
  public Map.Entry<Integer, String> apply(String name, Integer most) {
    Scene scene = SCENES.get(name);
    if (scene == null) {
      throw new IllegalArgumentException("there is no scene " + name);
    }
    Explorer.Outcome outcome =
        Explorer.explore(
            node -> {
              Play play = new Play(node);
              scene.play(play);
              play.requireTruth();
            },
            PREEMPTIONS,
            most);
    String failure = outcome.failure();
    return Map.entry(outcome.schedules(), failure == null ? "" : failure);
  }

  private interface Scene {
    void play(Play play) throws Exception;
  }

  private static void threeAppend(Play play) throws Exception {
    play.open(NEVER);
    play.caller("order-1");
    play.caller("order-1");
    play.caller("order-2");
    play.joinAndClose();
  }

  private static void oneOfThreeIsInterrupted(Play play) throws Exception {
    play.open(NEVER);
    List<Caller> callers =
        List.of(play.caller("order-1"), play.caller("order-1"), play.caller("order-2"));
    play.interruptOneOf(callers);
    play.joinAndClose();
  }

  private static void appendingTwice(Play play) throws Exception {
    play.open(NEVER);
    play.database.isInstant = true;
    List<Caller> callers =
        List.of(play.caller("order-1", "order-1"), play.caller("order-2", "order-1"));
    play.interruptOneOf(callers);
    play.joinAndClose();
  }

  private static void closing(Play play) throws Exception {
    play.open(NEVER);
    play.caller("order-1");
    play.caller("order-1");
    play.asyncCaller("order-2", "order-2");
    play.closer();
    play.joinAndClose();
  }

  private static void closingWithoutAnAnswer(Play play) throws Exception {
    play.open(NEVER);
    play.database.replies.add(Reply.SILENCE);
    play.caller("order-1");
    play.asyncCaller("order-1", "order-2");
    play.interruptOneOf(List.of(play.closer()));
    play.joinAndClose();
  }

  private static void closingWithoutAConnection(Play play) throws Exception {
    play.open(NEVER);
    play.database.isExhausted = true;
    play.caller("order-1");
    play.asyncCaller("order-2");
    play.closer();
    play.joinAndClose();
  }

  private static void closingBesideALockedRow(Play play) throws Exception {
    play.open(NEVER);
    play.database.isLocked = true;
    List<Caller> callers = List.of(play.caller("order-1"), play.asyncCaller("order-1"));
    play.interruptOneOf(callers);
    play.closer();
    play.joinAndClose();
  }

  private static void noAnswer(Play play) throws Exception {
    play.open(SOON);
    play.database.replies.add(Reply.SILENCE);
    List<Caller> callers = List.of(play.caller("order-1"), play.caller("order-1"));
    play.interruptOneOf(callers);
    play.joinAndClose();
  }

  /** It comes when the watch is about to sleep, since the first one would be late by then. */
  private static void noAnswerToTheSecondBatch(Play play) throws Exception {
    play.open(SOON);
    play.database.replies.addAll(List.of(Reply.WRITE, Reply.SILENCE));
    play.caller("order-1");
    play.callerAfter(SOON.toNanos() + TimeUnit.MICROSECONDS.toNanos(play.node.pick(32)), "order-1");
    play.callerAfter(SOON.toNanos() + ROUND_TRIP_NANOS, "order-1");
    play.joinAndClose();
  }

  private static void anAnswerThatComesLate(Play play) throws Exception {
    play.open(SOON);
    play.database.replies.add(Reply.SILENCE);
    play.caller("order-1");
    play.callerAfter(SILENCE_NANOS, "order-1", "order-1");
    play.callerAfter(SILENCE_NANOS + ROUND_TRIP_NANOS, "order-2");
    play.joinAndClose();
  }

  private static void behindALockedRow(Play play) throws Exception {
    play.open(NEVER);
    play.database.replies.add(Reply.BUSY);
    play.asyncCaller("order-1");
    play.callerAfter(ROUND_TRIP_NANOS, "order-1");
    play.joinAndClose();
  }

  private static void noAnswerToTheDispatcher(Play play) throws Exception {
    play.open(SOON);
    play.database.replies.add(Reply.SILENCE);
    play.asyncCaller("order-1", "order-1", "order-2");
    play.caller("order-1");
    play.joinAndClose();
  }

  private static void aLockedRow(Play play) throws Exception {
    play.open(NEVER);
    play.database.replies.add(Reply.BUSY);
    List<Caller> callers = List.of(play.caller("order-1"), play.caller("order-1"));
    play.interruptOneOf(callers);
    play.joinAndClose();
  }

  private static void aLostConnection(Play play) throws Exception {
    play.open(NEVER);
    play.database.replies.add(Reply.LOSS);
    play.asyncCaller("order-1", "order-1", "order-1");
    play.caller("order-1");
    play.joinAndClose();
  }

  private static void oneIsRefused(Play play) throws Exception {
    play.open(NEVER);
    play.database.replies.addAll(List.of(Reply.WRITE, Reply.REFUSAL, Reply.REFUSAL));
    play.caller("order-1");
    play.caller("order-2");
    play.caller("order-2");
    play.joinAndClose();
  }

  private static void noRoom(Play play) throws Exception {
    play.open(NEVER);
    play.database.replies.add(Reply.SILENCE);
    play.isLarge = true;
    play.asyncCaller("order-1", "order-2");
    Caller second = play.caller("order-1");
    play.caller("order-2");
    play.interruptOneOf(List.of(second));
    play.node.pause(TimeUnit.MINUTES.toNanos(1));
    Play.require(play.group().queued() == 2, "what waits for room comes in when there is some");
    play.closer();
    play.joinAndClose();
  }

  private enum Reply {
    WRITE,
    BUSY,
    REFUSAL,
    LOSS,
    SILENCE
  }

  /** A thread that appends or closes. */
  private static final class Caller {
    Scheduler.@Nullable Task task;
    boolean isInterrupted;
    boolean hasEnded;
  }

  /** An append, whether it was written, and the outcome that its caller got. */
  private static final class Call {
    final int number;
    final String stream;
    final Caller caller;
    final long calledAt;
    final Append append;
    final AppendRequest request;
    int committed;
    int enqueuedAt = Integer.MAX_VALUE;
    int committedAt;
    int lostAt;
    final Thread thread = Thread.currentThread();
    long toldAt;
    @Nullable String outcome;

    Call(int number, String stream, Caller caller, boolean isLarge, long calledAt) {
      this.number = number;
      this.calledAt = calledAt;
      this.stream = stream;
      this.caller = caller;
      StreamId to = StreamId.parse(stream);
      this.append =
          Append.to(to, ExpectedVersion.any(), List.of(EncodedEvent.of("happened", 1, "{}")));
      this.request =
          new AppendRequest(
              new StreamId[] {to},
              new long[] {AppendRequest.ANY},
              new int[] {1},
              List.of(
                  new AppendRequest.Event(
                      new UUID(0, number), "happened", 1, isLarge ? LARGE : SMALL, new byte[0])),
              List.of(),
              () -> false,
              "");
    }

    private static final byte[] SMALL = {'{', '}'};

    /** Two of them leave no room for a third. */
    private static final byte[] LARGE = new byte[33 << 20];

    @Override
    public String toString() {
      return "append %d to %s".formatted(number, stream);
    }
  }

  /** One play of a scene. */
  private static final class Play {
    private final Node node;
    private final List<Call> calls = new ArrayList<>();
    private final List<Caller> callers = new ArrayList<>();
    private final Database database;
    private @Nullable GroupAppender group;
    private boolean isLarge;
    private int clock = 1;
    private final Set<Thread> stuck = new HashSet<>();

    Play(Node node) {
      this.node = node;
      this.database = new Database(this);
    }

    void open(Duration limit) {
      Sender sender = new Sender(database.dataSource(), true);
      group =
          new GroupAppender(
              node,
              new BatchSender(
                  (requests, exchange) -> sender.send(c -> database.answer(c, requests), exchange),
                  () -> {},
                  node,
                  null),
              limit,
              CLOSING);
    }

    private GroupAppender group() {
      if (group == null) {
        throw new IllegalStateException("not open yet");
      }
      return group;
    }

    Caller caller(String... streams) {
      return callerAfter(0, streams);
    }

    Caller callerAfter(long nanos, String... streams) {
      return start(
          "caller",
          caller -> {
            if (nanos > 0) {
              node.pause(nanos);
            }
            for (String stream : streams) {
              Call call = call(stream, caller);
              told(call, outcome(() -> group().append(call.append, call.request, null)));
            }
          });
    }

    Caller asyncCaller(String... streams) {
      return start(
          "caller",
          caller -> {
            for (String stream : streams) {
              Call call = call(stream, caller);
              String refused = outcome(() -> appendAsync(call));
              if (!refused.equals("written")) {
                told(call, refused);
              }
            }
          });
    }

    private void appendAsync(Call call) {
      group()
          .appendAsync(call.append, call.request, null)
          .whenComplete((result, failure) -> told(call, outcome(() -> rethrow(failure))));
      call.enqueuedAt = clock++;
    }

    private static void rethrow(@Nullable Throwable failure) {
      if (failure != null) {
        throw failure instanceof RuntimeException e ? e : new CompletionException(failure);
      }
    }

    Caller closer() {
      return start("closer", caller -> close());
    }

    private void close() {
      long began = node.nanoTime();
      group().close();
      long took = node.nanoTime() - began;
      require(took <= LONGEST_CLOSING_NANOS, "closing ends in time, and took " + took + " ns");
    }

    /** A thread that waits for the database in vain for very long. */
    void beStuck() {
      stuck.add(Thread.currentThread());
      node.pause(SILENCE_NANOS);
    }

    private Caller start(String name, Work work) {
      Caller caller = new Caller();
      callers.add(caller);
      caller.task =
          node.start(
              name,
              () -> {
                work.of(caller);
                node.point();
                require(
                    caller.isInterrupted == Thread.currentThread().isInterrupted(),
                    "an interrupt is kept, and none comes from nowhere");
                caller.hasEnded = true;
              });
      return caller;
    }

    private interface Work {
      void of(Caller caller);
    }

    /** At any step, or at one behind the answer to the first or the second batch. */
    void interruptOneOf(List<Caller> some) {
      Caller interrupted = some.get(node.pick(some.size()));
      int answers = node.pick(3);
      if (answers == 0) {
        startInterrupting(interrupted);
      } else {
        database.atAnswer.put(answers, () -> startInterrupting(interrupted));
      }
    }

    private void startInterrupting(Caller interrupted) {
      Scheduler.Task task = interrupted.task;
      node.start(
          "interrupter",
          () -> {
            if (!interrupted.hasEnded && task != null) {
              node.note("interrupts " + task);
              interrupted.isInterrupted = true;
              task.interrupt();
            }
          });
    }

    private Call call(String stream, Caller caller) {
      Call call = new Call(calls.size(), stream, caller, isLarge, node.nanoTime());
      calls.add(call);
      return call;
    }

    private static String outcome(Runnable append) {
      try {
        append.run();
        return "written";
      } catch (OutcomeUnknownException e) {
        return "unknown";
      } catch (EventStoreException | IllegalStateException e) {
        return "not written";
      }
    }

    private void told(Call call, String outcome) {
      node.note(call + ": " + outcome);
      // Not thrown here, since a future swallows what depends on it throws.
      call.outcome = call.outcome == null ? outcome : "more than one";
      call.toldAt = node.nanoTime();
    }

    void joinAndClose() throws InterruptedException {
      for (Caller caller : callers) {
        if (caller.task != null) {
          require(caller.task.join(Long.MAX_VALUE), "every thread ends");
        }
      }
      close();
    }

    void requireTruth() {
      node.pause(LATE_NANOS);
      for (Call call : calls) {
        require(
            call.toldAt - call.calledAt < SOON_NANOS || stuck.contains(call.thread),
            call + " waits for no thread that hears nothing");
        String outcome = call.outcome == null ? "none" : call.outcome;
        switch (outcome) {
          case "written" -> require(call.committed == 1, call + " was acknowledged, so is there");
          case "unknown" -> require(call.committed <= 1, call + " is not there twice");
          case "not written" ->
              require(call.committed == 0, call + " was refused, so is not there");
          default -> require(false, call + " has one outcome, and not " + outcome);
        }
        for (Call later : calls.subList(call.number + 1, calls.size())) {
          if (later.caller == call.caller && later.stream.equals(call.stream)) {
            requireOrder(call, later);
          }
        }
      }
    }

    private static void requireOrder(Call call, Call later) {
      if (later.committed == 0) {
        return;
      }
      require(
          !"written".equals(call.outcome) || call.committedAt < later.committedAt,
          later + " was written after " + call);
      require(
          call.lostAt == 0 || call.lostAt == later.lostAt || call.lostAt < later.enqueuedAt,
          later + " was not written behind one whose outcome is unknown");
    }

    private static void require(boolean holds, String what) {
      if (!holds) {
        throw new AssertionError("it does not hold that " + what);
      }
    }
  }

  /** Writes everything, unless it is to do something else. */
  private static final class Database {
    private final Play play;
    private final Queue<Reply> replies = new ArrayDeque<>();
    private final Map<Integer, Runnable> atAnswer = new HashMap<>();
    private int answered;
    private @Nullable Connection busy;
    private boolean isInstant;
    private boolean isLocked;
    private boolean isExhausted;

    Database(Play play) {
      this.play = play;
    }

    List<Answer> answer(Connection connection, List<AppendRequest> requests) throws SQLException {
      Play.require(
          busy == null || busy.isClosed(), "there is one batch at a time, but for those given up");
      busy = connection;
      try {
        return reply(requests);
      } finally {
        busy = busy == connection ? null : busy;
        atAnswer.getOrDefault(++answered, () -> {}).run();
      }
    }

    private List<Answer> reply(List<AppendRequest> requests) throws SQLException {
      Reply reply = replies.isEmpty() ? Reply.WRITE : replies.remove();
      play.node.note("the database is sent " + requests.size() + ": " + reply);
      if (isInstant) {
        play.node.point();
      } else {
        play.node.pause(ROUND_TRIP_NANOS);
      }
      return switch (isLocked ? Reply.BUSY : reply) {
        case WRITE -> written(requests);
        case BUSY -> answers(requests, Outcome.BUSY);
        case REFUSAL -> throw refusal();
        case LOSS -> {
          if (play.node.pick(2) == 1) {
            commit(requests);
          }
          int lostAt = play.clock++;
          requests.forEach(request -> call(request).lostAt = lostAt);
          throw new SQLException("the connection is lost", "08006");
        }
        case SILENCE -> {
          play.beStuck();
          yield written(requests);
        }
      };
    }

    private List<Answer> written(List<AppendRequest> requests) {
      commit(requests);
      return answers(requests, Outcome.WRITTEN);
    }

    private void commit(List<AppendRequest> requests) {
      for (AppendRequest request : requests) {
        Call call = call(request);
        call.committed++;
        call.committedAt = play.clock++;
      }
    }

    private Call call(AppendRequest request) {
      return play.calls.get((int) request.ids().get(0).getLeastSignificantBits());
    }

    private static List<Answer> answers(List<AppendRequest> requests, Outcome outcome) {
      return requests.stream().map(request -> new Answer(outcome, new long[] {1}, 1, 0)).toList();
    }

    private static SQLException refusal() {
      return new PSQLException(new ServerErrorMessage("SERROR\0C23514\0Mit is refused\0"));
    }

    /** Like a pool, it gives no connection to a thread that is interrupted. */
    DataSource dataSource() {
      return (DataSource)
          Proxy.newProxyInstance(
              getClass().getClassLoader(),
              new Class<?>[] {DataSource.class},
              (self, method, arguments) -> {
                play.node.point();
                if (Thread.currentThread().isInterrupted()) {
                  throw new SQLTransientConnectionException("interrupted");
                }
                if (isExhausted) {
                  play.beStuck();
                }
                return connection();
              });
    }

    private Connection connection() {
      boolean[] isClosed = new boolean[1];
      return (Connection)
          Proxy.newProxyInstance(
              getClass().getClassLoader(),
              new Class<?>[] {Connection.class},
              (self, method, arguments) -> {
                return switch (method.getName()) {
                  case "abort" -> {
                    isClosed[0] = true;
                    Runnable closing = () -> play.node.note("the connection is closed");
                    ((Executor) arguments[0]).execute(closing);
                    yield null;
                  }
                  case "isClosed" -> isClosed[0];
                  case "getAutoCommit" -> true;
                  default -> method.getReturnType() == boolean.class ? false : null;
                };
              });
    }
  }
}
