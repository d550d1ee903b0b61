package dev.pgeventstore.spring;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.spi.Parts;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotAndTail;
import dev.pgeventstore.spi.SnapshotHost;
import java.sql.Connection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.transaction.ConfigurableTransactionManager;

/**
 * A store that takes part in Spring's transactions. Safe for many threads.
 *
 * <p>Where a transaction of the store's data source is active in the calling thread, as in a method
 * with {@code @Transactional}, appends, messages of the outbox, and reads of streams join it at
 * once, on its connection: what is appended is committed and rolled back with everything else in
 * the transaction, its result is true at once, the transaction reads its own events, and a conflict
 * is thrown by the append that has it and leaves the transaction usable. Where no transaction is
 * active, everything is as in the store that this one wraps.
 *
 * <p>From the append to the commit the transaction holds back the high-water mark: no subscription
 * sees an event that was appended later, by any transaction. Keep such transactions short, append
 * last, or use {@link DeferredAppends}, which append just before the commit.
 *
 * <p>The global order has settled events only, so {@link #readPage} and {@link #highWaterMark} use
 * a connection of their own and do not see what the transaction has appended. What waits for an
 * append ({@code awaitApplied}) must be called after the commit.
 *
 * <p>Appends are refused with an {@link IllegalStateException}, and nothing is written, if
 *
 * <ul>
 *   <li>the transaction is read-only;
 *   <li>it was committed already, as in a listener that is called after the commit: append in a new
 *       transaction ({@code REQUIRES_NEW});
 *   <li>it is a transaction of another data source or another kind, which the append could not
 *       join. Use the transaction manager of the store's data source; or suspend the transaction
 *       ({@code NOT_SUPPORTED}) if the append is to be committed alone;
 *   <li>an outer transaction that is suspended meanwhile has appended to the same stream: the
 *       append would wait for its end, and the outer transaction for the append.
 * </ul>
 */
public final class TransactionalEventStore implements EventStore {

  private final EventStore plain;
  private final SpringTransactions transactions;
  private final SuspendedStreams suspended = new SuspendedStreams();
  private final Parts parts;

  private TransactionalEventStore(EventStore plain, DataSource dataSource) {
    this.plain = plain;
    this.transactions = new SpringTransactions(dataSource);
    this.parts =
        Parts.of(
            this,
            new DeferredAppends(plain, transactions, suspended),
            new Joining(plain, transactions));
  }

  /**
   * Wraps a store.
   *
   * @param plain it is closed with this store
   * @param dataSource of the store, the same object that the transaction manager has
   * @return a store that takes part in the transactions of that data source
   */
  public static TransactionalEventStore of(EventStore plain, DataSource dataSource) {
    return new TransactionalEventStore(
        Objects.requireNonNull(plain, "store"), Objects.requireNonNull(dataSource, "data source"));
  }

  /**
   * Lets stores see how far the transactions of a manager have come. Without it, an append in what
   * is called after a commit is not refused, but lost. The auto-configuration does this for every
   * manager that is a bean.
   *
   * @param manager of transactions, before it is used; calling this twice has no effect
   */
  public static void observe(ConfigurableTransactionManager manager) {
    boolean isObserved =
        manager.getTransactionExecutionListeners().stream()
            .anyMatch(TransactionPhase.Listener.class::isInstance);
    if (!isObserved) {
      manager.addListener(new TransactionPhase.Listener());
    }
  }

  @Override
  public AppendResult append(Append append) {
    return transactions.write(
        append,
        connection -> {
          suspended.check(append);
          if (connection == null) {
            return plain.append(append);
          }
          AppendResult result = plain.within(connection).append(append);
          suspended.written(append);
          return result;
        });
  }

  /**
   * Appends without waiting for the response, where no transaction is active.
   *
   * @throws IllegalStateException if one is: the future could not complete before the commit, so
   *     that waiting for it would never end. Use {@link #append(Append)} or {@link DeferredAppends}
   */
  @Override
  public CompletableFuture<AppendResult> appendAsync(Append append) {
    transactions.requireNone(append);
    return plain.appendAsync(append);
  }

  @Override
  public List<RecordedEvent> read(StreamId stream, StreamRange range) {
    return transactions.read(
        connection ->
            connection == null
                ? plain.read(stream, range)
                : plain.within(connection).read(stream, range));
  }

  @Override
  public Position highWaterMark() {
    return plain.highWaterMark();
  }

  @Override
  public EventPage readPage(EventQuery query, Position after, int limit) {
    return plain.readPage(query, after, limit);
  }

  @Override
  public EventStreams within(Connection connection) {
    return plain.within(connection);
  }

  @Override
  public <T> Optional<T> unwrap(Class<T> type) {
    Optional<T> part = parts.find(type);
    return part.isPresent() ? part : plain.unwrap(type);
  }

  @Override
  public void close() {
    plain.close();
  }

  /** What else a transaction can be joined with. */
  private record Joining(EventStore plain, SpringTransactions transactions)
      implements Outbox, SnapshotHost {

    @Override
    public Position publish(List<OutboxMessage> messages) {
      return transactions.write(
          "publishing of %d messages".formatted(messages.size()),
          connection -> Outbox.of(streams(connection)).publish(messages));
    }

    @Override
    public SnapshotAndTail readWithSnapshot(
        StreamId stream, String name, int revision, long upTo, int limit) {
      return transactions.read(
          connection ->
              snapshots(connection).readWithSnapshot(stream, name, revision, upTo, limit));
    }

    @Override
    public void keep(StreamId stream, Snapshot snapshot) {
      transactions.read(
          connection -> {
            snapshots(connection).keep(stream, snapshot);
            return true;
          });
    }

    private SnapshotHost snapshots(@Nullable Connection connection) {
      return streams(connection)
          .unwrap(SnapshotHost.class)
          .orElseThrow(
              () -> new IllegalStateException(plain.getClass().getName() + " keeps no snapshots"));
    }

    private EventStreams streams(@Nullable Connection connection) {
      return connection == null ? plain : plain.within(connection);
    }
  }
}
