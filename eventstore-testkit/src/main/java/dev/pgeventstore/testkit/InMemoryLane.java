package dev.pgeventstore.testkit;

import dev.pgeventstore.EventPage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.Partitions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One partition of a running subscription. Its events are handled in batches. After a batch has
 * failed, its events are handled one by one. For the subscription's thread; what other threads read
 * is guarded by the store's monitor.
 */
final class InMemoryLane {

  /** There is nothing to do until something is appended. */
  static final long NOTHING = Long.MAX_VALUE;

  private final SubscriptionSpec spec;
  private final int number;
  private final int partitions;
  private final SubscriptionState state;
  private final InMemoryLog log;
  private final HandlerTransactions transactions;
  private final SubscriptionNews news;
  private final Monitor monitor;
  private final BooleanSupplier stopping;

  /** The last event of the batch that failed. */
  private long aloneUpTo;

  /** How often the next event was tried alone. */
  private int attempts;

  private long retryAtNanos;
  private boolean caughtUp;

  private @Nullable Throwable retriesAfter;
  private long movedAtNanos = Scheduler.threads().nanoTime();

  InMemoryLane(
      SubscriptionSpec spec,
      int number,
      SubscriptionState state,
      InMemoryLog log,
      HandlerTransactions transactions,
      SubscriptionNews news,
      Monitor monitor,
      BooleanSupplier stopping) {
    this.spec = spec;
    this.number = number;
    this.partitions = state.partitions();
    this.state = state;
    this.log = log;
    this.transactions = transactions;
    this.news = news;
    this.monitor = monitor;
    this.stopping = stopping;
  }

  int number() {
    return number;
  }

  /** The failure after which this lane retries. Under the monitor. */
  Optional<Throwable> retriesAfter() {
    return Optional.ofNullable(retriesAfter);
  }

  /** For how long this lane has not moved. Under the monitor. */
  Duration unmoved() {
    return Duration.ofNanos(Scheduler.threads().nanoTime() - movedAtNanos);
  }

  private long checkpoint() {
    return monitor.read(() -> state.checkpoint(number));
  }

  /**
   * Handles the next events, if there are any.
   *
   * @param barrier the last position that may be handled
   * @return after how many nanoseconds there may be more to do; 0 for at once
   * @throws HandlerFailedException if the subscription has to stop
   */
  long step(long barrier) throws HandlerFailedException {
    long pause = attempts == 0 ? 0 : retryAtNanos - Scheduler.threads().nanoTime();
    if (pause > 0) {
      return pause;
    }
    long checkpoint = checkpoint();
    boolean alone = checkpoint < aloneUpTo;
    EventPage page =
        log.page(
            event -> event.position().value() <= barrier && isWanted(event),
            Position.of(checkpoint),
            alone ? 1 : spec.batchSize());
    Position mark = page.highWaterMark();
    long upTo = Math.min(page.upTo().value(), barrier);
    if (page.events().isEmpty()) {
      moveTo(Math.max(upTo, checkpoint));
      tellPlace(Math.max(upTo, checkpoint), mark, false);
      return NOTHING;
    }
    List<RecordedEvent> events = page.events();
    Set<StreamId> parked = monitor.read(() -> state.parked.streams());
    boolean aside = parked.contains(events.get(0).stream());
    int count = 1;
    while (count < events.size() && parked.contains(events.get(count).stream()) == aside) {
      count++;
    }
    List<RecordedEvent> batch = events.subList(0, count);
    // The batch reaches up to the next event: everything between is unwanted or belongs to other
    // partitions.
    long reached = count == events.size() ? upTo : last(batch);
    boolean full = events.size() == spec.batchSize();
    if (aside) {
      setAside(batch, reached, mark, full);
      return 0;
    }
    return handle(batch, reached, mark, full, alone);
  }

  private boolean isWanted(RecordedEvent event) {
    return Partitions.of(event.stream(), partitions) == number && spec.query().matches(event);
  }

  private static long last(List<RecordedEvent> batch) {
    return batch.get(batch.size() - 1).position().value();
  }

  /** Parks events whose streams are parked, unless the last parked event was replayed just now. */
  private void setAside(List<RecordedEvent> events, long reached, Position mark, boolean full) {
    List<ParkedEvent> parked =
        monitor.change(
            () -> {
              Set<StreamId> streams = state.parked.streams();
              if (!events.stream().allMatch(event -> streams.contains(event.stream()))) {
                return List.of();
              }
              state.move(number, reached);
              return events.stream()
                  .map(e -> state.parked.park(e, 0, Optional.empty(), log.now()))
                  .toList();
            });
    if (!parked.isEmpty()) {
      moveTo(reached);
      parked.forEach(event -> news.parked(number, event));
      news.applied(number, List.of(), Position.of(reached), mark, Duration.ZERO);
      tellPlace(reached, mark, full);
    }
  }

  private long handle(
      List<RecordedEvent> batch, long reached, Position mark, boolean full, boolean alone)
      throws HandlerFailedException {
    int attempt = alone ? ++attempts : 1;
    long started = Scheduler.threads().nanoTime();
    try {
      transactions.commit(
          "the handler of subscription " + spec.name(),
          connection -> {
            try {
              spec.handler()
                  .handle(
                      new HandedBatch(
                          spec.name(), number, batch, connection, attempt, false, stopping));
            } finally {
              // An interrupt that the handler left behind must not disturb the commit.
              Thread.interrupted();
            }
          });
    } catch (Exception | Error e) {
      return failed(batch, alone, e);
    }
    moveTo(reached);
    Duration took = Duration.ofNanos(Scheduler.threads().nanoTime() - started);
    news.applied(number, batch, Position.of(reached), mark, took);
    tellPlace(reached, mark, full);
    return 0;
  }

  private long failed(List<RecordedEvent> batch, boolean alone, Throwable failure)
      throws HandlerFailedException {
    if (Causes.isOfVirtualMachine(failure)) {
      throw new HandlerFailedException(failure);
    }
    news.failed(number, Position.of(checkpoint()), failure);
    if (stopping.getAsBoolean()) {
      return NOTHING;
    }
    int retries = spec.failurePolicy().retries();
    if (retries > 0 && !alone) {
      aloneUpTo = last(batch);
      return 0;
    }
    if (attempts < retries) {
      long pause = Durations.nanos(spec.failurePolicy().backOff(attempts));
      retryAtNanos = Scheduler.threads().nanoTime() + pause;
      monitor.change(() -> retriesAfter = failure);
      return pause;
    }
    if (!spec.failurePolicy().parks()) {
      throw new HandlerFailedException(failure);
    }
    park(batch.get(0), failure);
    return 0;
  }

  /** Parks an event that was given up, and its stream with it. */
  private void park(RecordedEvent event, Throwable failure) {
    ParkedEvent parked =
        monitor.change(
            () -> {
              state.move(number, event.position().value());
              return state.parked.park(
                  event, attempts, Optional.of(Failures.describe(failure)), log.now());
            });
    moveTo(event.position().value());
    news.parked(number, parked);
  }

  private void moveTo(long reached) {
    attempts = 0;
    monitor.change(
        () -> {
          state.move(number, reached);
          retriesAfter = null;
          movedAtNanos = Scheduler.threads().nanoTime();
        });
  }

  private void tellPlace(long reached, Position mark, boolean full) {
    if (reached >= mark.value() && !caughtUp) {
      caughtUp = true;
      news.caughtUp(number, Position.of(reached), mark);
    } else if (reached < mark.value() && caughtUp && full) {
      caughtUp = false;
      news.fellBehind(number, Position.of(reached), mark);
    }
  }

  /** The handler has failed, and the policy is to stop. */
  static final class HandlerFailedException extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient Throwable failure;

    HandlerFailedException(Throwable failure) {
      super(Causes.text(failure), failure);
      this.failure = failure;
    }

    Throwable failure() {
      return failure;
    }
  }
}
