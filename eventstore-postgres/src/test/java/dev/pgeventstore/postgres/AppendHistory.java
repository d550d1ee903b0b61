package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventIdReusedException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.testkit.servers.Database;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What many threads were told about their appends. Appends go through it to the store; in the end
 * {@link #check} holds what was told against what is stored. Safe for many threads.
 */
final class AppendHistory {

  private final AtomicLong clock = new AtomicLong();
  private final Queue<Call> calls = new ConcurrentLinkedQueue<>();
  private final boolean asyncIsInOrder;

  AppendHistory(boolean asyncIsInOrder) {
    this.asyncIsInOrder = asyncIsInOrder;
  }

  /** The outcome that a caller got. */
  enum Told {
    WRITTEN,
    CONFLICT,
    /** There are events with these ids, but not these events. */
    REUSED,
    /** Any other failure that says that nothing was written. */
    REFUSED,
    /** Appended in a transaction that was rolled back. */
    ROLLED_BACK,
    UNKNOWN
  }

  /**
   * One call.
   *
   * @param append what was to be written; a retry brings the same object
   * @param caller who waits for several calls at once, which are carried out in their order; null
   *     for one that waits for each
   * @param began a moment before the call, by a clock that never shows one moment twice
   * @param ended a moment after the answer
   * @param result if it was written
   * @param conflict if there was one
   * @param own streams that the caller's transaction has written before, visible to itself only
   */
  record Call(
      Append append,
      @Nullable String caller,
      long began,
      long ended,
      Told told,
      @Nullable AppendResult result,
      @Nullable ConflictException conflict,
      Set<StreamId> own) {

    Call as(Told otherwise) {
      return new Call(append, caller, began, ended, otherwise, result, conflict, own);
    }

    Call endedAt(long moment) {
      return new Call(append, caller, began, moment, told, result, conflict, own);
    }
  }

  /** An event as it is in the table. */
  record Stored(long position, StreamId stream, long version, UUID id, String type, String data) {}

  /** Appends in a transaction of its own, and waits. */
  AppendResult append(EventStreams store, Append append) {
    long began = clock.incrementAndGet();
    try {
      AppendResult result = store.append(append);
      calls.add(call(append, null, began, result, null, Set.of()));
      return result;
    } catch (RuntimeException e) {
      calls.add(call(append, null, began, null, e, Set.of()));
      throw e;
    }
  }

  /** Appends without waiting. The future completes when the answer is noted. */
  CompletableFuture<AppendResult> appendAsync(EventStore store, Append append) {
    String caller = asyncIsInOrder ? Thread.currentThread().getName() : null;
    long began = clock.incrementAndGet();
    CompletableFuture<AppendResult> answer;
    try {
      answer = store.appendAsync(append);
    } catch (RuntimeException e) {
      calls.add(call(append, caller, began, null, e, Set.of()));
      throw e;
    }
    return answer.whenComplete(
        (result, failure) -> calls.add(call(append, caller, began, result, failure, Set.of())));
  }

  private Call call(
      Append append,
      @Nullable String caller,
      long began,
      @Nullable AppendResult result,
      @Nullable Throwable failure,
      Set<StreamId> own) {
    Throwable cause = unwrapped(failure);
    Told told =
        cause == null
            ? Told.WRITTEN
            : cause instanceof ConflictException
                ? Told.CONFLICT
                : cause instanceof EventIdReusedException
                    ? Told.REUSED
                    : cause instanceof OutcomeUnknownException ? Told.UNKNOWN : Told.REFUSED;
    return new Call(
        append,
        caller,
        began,
        clock.incrementAndGet(),
        told,
        result,
        cause instanceof ConflictException conflict ? conflict : null,
        own);
  }

  static @Nullable Throwable unwrapped(@Nullable Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }

  /**
   * Appends in the caller's transaction. Its end must be reported by one of the methods below. For
   * use by one thread.
   */
  final class Transaction {
    private final EventStreams streams;
    private final List<Call> inside = new ArrayList<>();

    private Transaction(EventStreams streams) {
      this.streams = streams;
    }

    AppendResult append(Append append) {
      Set<StreamId> own =
          inside.stream()
              .filter(call -> call.told() == Told.WRITTEN)
              .flatMap(call -> call.append().events().keySet().stream())
              .collect(Collectors.toSet());
      long began = clock.incrementAndGet();
      try {
        AppendResult result = streams.append(append);
        inside.add(call(append, null, began, result, null, own));
        return result;
      } catch (RuntimeException e) {
        inside.add(call(append, null, began, null, e, own));
        throw e;
      }
    }

    void committed() {
      long ended = clock.incrementAndGet();
      inside.forEach(call -> calls.add(call.told() == Told.WRITTEN ? call.endedAt(ended) : call));
    }

    void rolledBack() {
      end(Told.ROLLED_BACK);
    }

    /** The response to the commit was lost. Returns the appends that may have been written. */
    List<Append> unknown() {
      end(Told.UNKNOWN);
      return inside.stream().filter(call -> call.told() == Told.WRITTEN).map(Call::append).toList();
    }

    private void end(Told told) {
      inside.forEach(call -> calls.add(call.told() == Told.WRITTEN ? call.as(told) : call));
    }
  }

  Transaction within(PostgresEventStore store, Connection connection) {
    return new Transaction(store.within(connection));
  }

  List<Call> calls() {
    return List.copyOf(calls);
  }

  long count(Told told) {
    return calls.stream().filter(call -> call.told() == told).count();
  }

  /** Fails with all contradictions. No thread may append any more. */
  void check(Database database, String run) throws SQLException {
    List<String> violations =
        new AppendHistoryChecker(calls(), stored(database), versions(database)).violations();
    assertThat(violations).as("what does not fit, %s", run).isEmpty();
  }

  static List<Stored> stored(Database database) throws SQLException {
    List<Stored> events = new ArrayList<>();
    try (Connection connection = database.open();
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "select position, stream_id, version, id, type, data::text"
                    + " from eventstore.events order by position")) {
      while (row.next()) {
        events.add(
            new Stored(
                row.getLong(1),
                StreamId.parse(row.getString(2)),
                row.getLong(3),
                row.getObject(4, UUID.class),
                row.getString(5),
                row.getString(6)));
      }
    }
    return events;
  }

  static Map<StreamId, Long> versions(Database database) throws SQLException {
    Map<StreamId, Long> versions = new HashMap<>();
    try (Connection connection = database.open();
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery("select stream_id, version from eventstore.streams")) {
      while (row.next()) {
        versions.put(StreamId.parse(row.getString(1)), row.getLong(2));
      }
    }
    return versions;
  }
}
