package dev.pgeventstore.projection;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.internal.Lender;
import dev.pgeventstore.internal.LentTransaction;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A table that is written in the transactions of appends: a reader that sees an event also sees its
 * effect on the table. Safe for many threads.
 *
 * <p>Only appends made through {@link #within} write it. What was appended in another way, or
 * before, is missing.
 *
 * <p>Events of one stream are applied in their order. Between streams the order is that in which
 * the callers' transactions get the table's locks, which is not that of positions: a definition
 * that depends on it belongs in a projection that follows the store. So does one in which many
 * streams write the same row: their appends would wait for each other, and may deadlock.
 */
public final class InlineProjection {

  /** The transaction that it was made in was ended. */
  private static final Set<String> NO_SAVEPOINT = Set.of("3B001", "25P01");

  private static final String FAILED_STATEMENT = "25P02";
  private static final Lender LENDER = Lender.refusing("the definition of an inline projection");

  private final EventStore store;
  private final String table;
  private final EventQuery query;
  private final ProjectionDefinition definition;

  private InlineProjection(
      EventStore store, String table, EventQuery query, ProjectionDefinition definition) {
    this.store = store;
    this.table = table;
    this.query = query;
    this.definition = definition;
  }

  /**
   * A table that is written in the transactions of appends.
   *
   * @param store where events are appended
   * @param table given to the definition; it is there already
   * @param query which events
   * @param definition what they do to the table
   * @return what decorates appends
   */
  public static InlineProjection of(
      EventStore store, String table, EventQuery query, ProjectionDefinition definition) {
    return new InlineProjection(store, table, query, definition);
  }

  /**
   * Appends and reads within a transaction of the caller's, like {@link EventStore#within}. After
   * each append the definition is called with its events, as they are stored, in the same
   * transaction; but not if the append was a retry of one that had been written before.
   *
   * <p>If the definition fails, the append is taken back with what the definition has written, and
   * the transaction is usable as before. The exception is the definition's, within an {@link
   * EventStoreException} if it is a checked one.
   *
   * @param connection with auto-commit off; used by one thread at a time
   * @return append and read in that transaction
   * @throws IllegalArgumentException if the connection is in auto-commit mode
   */
  public EventStreams within(Connection connection) {
    return new Projected(store.within(connection), connection);
  }

  private final class Projected implements EventStreams {

    private final EventStreams streams;
    private final Connection connection;

    Projected(EventStreams streams, Connection connection) {
      this.streams = streams;
      this.connection = connection;
    }

    @Override
    public AppendResult append(Append append) {
      try {
        Savepoint before = connection.setSavepoint();
        AppendResult result = appendOrTakeBack(append, before);
        keep(before);
        return result;
      } catch (SQLException e) {
        if (NO_SAVEPOINT.contains(String.valueOf(e.getSQLState()))) {
          throw new EventStoreException(
              "the definition of %s has ended the caller's transaction: what was written in it, with the %s, is committed or rolled back already"
                  .formatted(table, append),
              e);
        }
        throw new EventStoreException(
            "the %s failed, roll the transaction back: %s".formatted(append, e.getMessage()), e);
      }
    }

    /** Keeps what was written, unless a statement has failed and the definition has gone on. */
    private void keep(Savepoint before) throws SQLException {
      try {
        connection.releaseSavepoint(before);
      } catch (SQLException e) {
        if (FAILED_STATEMENT.equals(e.getSQLState())) {
          connection.rollback(before);
          throw new EventStoreException(
              "a statement of the definition of %s failed, and the definition continued after it: nothing was appended"
                  .formatted(table),
              e);
        }
        throw e;
      }
    }

    @Override
    public <T> Optional<T> unwrap(Class<T> type) {
      return streams.unwrap(type);
    }

    private AppendResult appendOrTakeBack(Append append, Savepoint before) {
      try {
        AppendResult result = streams.append(append);
        if (!result.replayed()) {
          apply(written(append, result));
        }
        return result;
      } catch (RuntimeException | Error e) {
        try {
          connection.rollback(before);
        } catch (SQLException lost) {
          e.addSuppressed(lost);
        }
        throw e;
      }
    }

    private void apply(List<RecordedEvent> events) {
      if (events.isEmpty()) {
        return;
      }
      try {
        LentTransaction lent = LENDER.lend(connection);
        definition.handle(table, new ProjectedBatch(table, events, lent.connection()));
        lent.takeBack();
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new EventStoreException(
            "%s could not be applied to %s, nothing was appended: %s"
                .formatted(events.get(0), table, e.getMessage()),
            e);
      }
    }

    private List<RecordedEvent> written(Append append, AppendResult result) {
      List<RecordedEvent> events = new ArrayList<>();
      append
          .events()
          .forEach(
              (stream, ofStream) -> {
                int count = ofStream.size();
                long first = result.version(stream) - count + 1;
                events.addAll(streams.read(stream, StreamRange.forwardsFrom(first).limit(count)));
              });
      events.removeIf(event -> !query.matches(event));
      events.sort(Comparator.comparing(RecordedEvent::position));
      return Collections.unmodifiableList(events);
    }

    @Override
    public List<RecordedEvent> read(StreamId stream, StreamRange range) {
      return streams.read(stream, range);
    }
  }
}
