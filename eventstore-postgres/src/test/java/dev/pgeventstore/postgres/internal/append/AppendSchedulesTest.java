package dev.pgeventstore.postgres.internal.append;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.postgres.internal.simulation.SharedVariables;
import dev.pgeventstore.testkit.internal.simulation.MutatedCode;
import dev.pgeventstore.testkit.internal.simulation.MutatedCode.Change;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The threads of the append path, in one order of their steps after the other: what must hold holds
 * in each, and each of some mistakes is found within a number of orders.
 */
@Order(1)
class AppendSchedulesTest {

  private static final String PACKAGE = "dev.pgeventstore.postgres.internal.";

  /** Set to explore more orders, or fewer, for each number of preemptions. */
  private static final String SCHEDULES = "append.schedules";

  private static final int MOST = Integer.getInteger(SCHEDULES, 1_000);

  private record Mistake(String name, String scene, List<Change> changes) {

    Mistake(String name, String scene, String source, String was, String becomes) {
      this(name, scene, List.of(new Change("append." + source, was, becomes)));
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static Stream<String> scenes() {
    return AppendScenes.names().stream();
  }

  private static Stream<Mistake> mistakes() {
    return Stream.of(
        new Mistake(
            "an interrupt that comes with the answer is swallowed",
            "one of three is interrupted",
            "GroupAppender",
            """
            if (Thread.currentThread().isInterrupted() && !own.isDone()) {
            """,
            """
            if (Thread.interrupted() && !own.isDone()) {
                    Thread.currentThread().interrupt();
            """),
        new Mistake(
            "a thread that sends for others swallows its interrupt",
            "one of three is interrupted",
            "GroupAppender",
            "finally {\n      if (interrupted) {",
            "finally {\n      if (false) {"),
        new Mistake(
            "a thread that waits for a connection swallows its interrupt",
            "one of three is interrupted",
            "Sender",
            "if (interrupted) {",
            "if (false) {"),
        new Mistake(
            "an interrupted thread leaves its append to be sent",
            "one of three is interrupted",
            "GroupAppender",
            "boolean unsent = queue.remove(own);",
            "boolean unsent = !own.isBusy() || queue.size() > 0;"),
        new Mistake(
            "an interrupted thread that is to send next hands over to none",
            "one of three is interrupted",
            "GroupAppender",
            "if (own.takeChoice()) {\n        handOver();\n      }",
            ""),
        new Mistake(
            "closing waits for an answer without limit",
            "closing without an answer",
            "GroupAppender",
            "long unused = idle.awaitNanos(left);",
            "idle.await();"),
        new Mistake(
            "closing does not give up the batch that has no answer",
            "closing without an answer",
            "GroupAppender",
            "if (underWay != null) {\n        threads.addAll(",
            "if (underWay == null) {\n        threads.addAll(List.of());\n      } else if (false) {\n        threads.addAll("),
        new Mistake(
            "closing swallows an interrupt",
            "closing without an answer",
            "GroupAppender",
            "    }\n    if (interrupted) {",
            "    }\n    if (false) {"),
        new Mistake(
            "a locked row is tried again for ever while the store is closed",
            "closing beside a locked row",
            "GroupAppender",
            "append.failed(closedBefore(append));\n    return true;",
            "return false;"),
        new Mistake(
            "what was given up waiting for a connection is sent all the same",
            "closing without a connection",
            "Exchange",
            "if (givenUp) {",
            "if (false) {"),
        new Mistake(
            "a thread is woken before it is told to send next",
            "three append",
            "PendingAppend",
            "chosen.set(true);\n    scheduler.unpark(waiter);",
            "scheduler.unpark(waiter);\n    chosen.set(true);"),
        new Mistake(
            "a thread is woken before it can see its answer",
            "three append",
            "PendingAppend",
            "done = true;\n    if (thread != Thread.currentThread()) {\n      scheduler.unpark(thread);\n    }",
            "if (thread != Thread.currentThread()) {\n      scheduler.unpark(thread);\n    }\n    done = true;"),
        new Mistake(
            "what is put off is not tried again",
            "a locked row",
            "GroupAppender",
            "awaitWork(queue.nanosUntilDue(scheduler.nanoTime()));",
            "awaitWork(Long.MAX_VALUE);"),
        new Mistake(
            "a batch that was given up is settled once more",
            "an answer that comes late",
            "GroupAppender",
            "if (underWay != batch) {",
            "if (underWay == null) {"),
        new Mistake(
            "a thread of the group that hears nothing is not replaced",
            "no answer to the group's own thread",
            "GroupAppender",
            "if (batch.dispatched) {",
            "if (false) {"),
        new Mistake(
            "what comes behind an unknown outcome is written",
            "a lost connection",
            "GroupAppender",
            "done.addAll(failThoseBehind(unknown));",
            "List<PendingAppend> unused = unknown;"),
        new Mistake(
            "an append that gives up waiting keeps its room",
            "no room",
            "GroupAppender",
            "own.abandon();\n      room.signalAll();",
            "own.abandon();"));
  }

  @ParameterizedTest
  @MethodSource("scenes")
  void in_every_order_of_threads_each_append_has_one_true_outcome(String scene) throws Exception {
    Map.Entry<Integer, String> explored = explorer("none", List.of()).apply(scene, MOST);

    assertThat(explored.getValue()).as(scene).isEmpty();
    assertThat(explored.getKey()).as(scene).isGreaterThan(MOST);
  }

  @ParameterizedTest
  @MethodSource("mistakes")
  void a_mistake_is_found(Mistake mistake) throws Exception {
    Map.Entry<Integer, String> explored =
        explorer(mistake.name, mistake.changes).apply(mistake.scene, MOST);

    assertThat(explored.getValue()).as("%s", mistake).contains("AssertionError");
  }

  @SuppressWarnings("unchecked")
  private static BiFunction<String, Integer, Map.Entry<Integer, String>> explorer(
      String name, List<Change> changes) throws Exception {
    String append = AppendSchedulesTest.class.getPackageName();
    return (BiFunction<String, Integer, Map.Entry<Integer, String>>)
        new MutatedCode(PACKAGE, name, changes)
            .make(AppendScenes.class, code -> SharedVariables.instrument(code, append));
  }
}
