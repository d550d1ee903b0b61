package dev.pgeventstore.testkit;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.ParkedEvents;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.testkit.InMemoryLane.HandlerFailedException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** A running subscription: one thread, which serves its partitions in turn. */
final class InMemorySubscription implements Subscription {

  private final SubscriptionSpec spec;
  private final SubscriptionState state;
  private final InMemoryLog log;
  private final HandlerTransactions transactions;
  private final Monitor monitor;
  private final SubscriptionNews news;
  private final InMemoryParked parked;

  // Guarded by the monitor.

  private List<InMemoryLane> lanes = List.of();
  private boolean stopping;
  private boolean ended;
  private Scheduler.@Nullable Task task;

  InMemorySubscription(
      SubscriptionSpec spec,
      SubscriptionState state,
      InMemoryLog log,
      HandlerTransactions transactions,
      Monitor monitor) {
    this.spec = spec;
    this.state = state;
    this.log = log;
    this.transactions = transactions;
    this.monitor = monitor;
    this.news = new SubscriptionNews(spec.name(), spec.listener());
    this.parked =
        new InMemoryParked(spec.name(), spec.handler(), state.parked, transactions, monitor);
  }

  void start() {
    monitor.change(
        () ->
            task =
                Scheduler.threads()
                    .start(
                        "eventstore-subscription-" + spec.name(),
                        () -> EngineThread.run(this::run)));
  }

  @Override
  public String name() {
    return spec.name();
  }

  @Override
  public ParkedEvents parked() {
    return parked;
  }

  private void run() {
    try {
      while (!isStopping()) {
        follow();
      }
    } catch (HandlerFailedException e) {
      fail(e.failure());
    } catch (Throwable e) {
      // Any unexpected failure is reported, so that the thread does not end unnoticed.
      fail(e);
    } finally {
      lanes.forEach(lane -> news.ended(lane.number()));
      monitor.change(() -> ended = true);
    }
  }

  private void fail(Throwable failure) {
    boolean first = monitor.change(() -> !stopping && state.failure == null);
    if (first) {
      monitor.change(() -> state.failure = failure);
      news.stopped(failure);
    }
  }

  /**
   * Handles events with one number of partitions, until asked to stop or until that number changes.
   */
  private void follow() throws HandlerFailedException {
    long barrier = divide();
    while (!isStopping()) {
      Position seen = log.highWaterMark();
      long pause = InMemoryLane.NOTHING;
      for (InMemoryLane lane : lanes) {
        pause = Math.min(pause, step(lane, barrier));
      }
      if (monitor.read(() -> state.lowest()) >= barrier) {
        return;
      }
      if (pause > 0) {
        awaitMore(seen, pause);
      }
    }
  }

  /**
   * Creates the lanes. Returns the last position that they may handle before the number of
   * partitions changes.
   */
  private long divide() {
    lanes.forEach(lane -> news.ended(lane.number()));
    long[] barrier = {Long.MAX_VALUE};
    monitor.change(
        () -> {
          if (state.partitions() != spec.partitions()) {
            if (state.lowest() == state.furthest()) {
              state.divide(spec.partitions());
            } else {
              barrier[0] = state.furthest();
            }
          }
          state.epoch++;
          lanes = IntStream.range(0, state.partitions()).mapToObj(this::lane).toList();
        });
    lanes.forEach(lane -> news.began(lane.number(), monitor.read(() -> state.epoch)));
    return barrier[0];
  }

  private InMemoryLane lane(int number) {
    return new InMemoryLane(
        spec, number, state, log, transactions, news, monitor, this::isStopping);
  }

  private long step(InMemoryLane lane, long barrier) throws HandlerFailedException {
    state.moving.lock();
    try {
      if (monitor.read(() -> state.removed)) {
        throw new HandlerFailedException(
            new EventStoreException(
                "subscription %s was removed: it has no checkpoint any more".formatted(name())));
      }
      return isStopping() ? InMemoryLane.NOTHING : lane.step(barrier);
    } finally {
      state.moving.unlock();
    }
  }

  private void awaitMore(Position seen, long pause) {
    try {
      boolean unused =
          monitor.await(
              () -> stopping || state.removed || log.highWaterMark().isAfter(seen), pause);
    } catch (InterruptedException e) {
      // The interrupt does not end this thread: closing does not interrupt.
    }
  }

  private boolean isStopping() {
    return monitor.read(() -> stopping);
  }

  boolean hasEnded() {
    return monitor.read(() -> ended);
  }

  @Override
  public SubscriptionStatus status() {
    return monitor.read(() -> SubscriptionReport.of(spec, state, lanes, log, runState()));
  }

  private SubscriptionStatus.State runState() {
    if (ended) {
      return state.failure == null
          ? SubscriptionStatus.State.STOPPED
          : SubscriptionStatus.State.FAILED;
    }
    return SubscriptionStatus.State.RUNNING;
  }

  @Override
  public void awaitApplied(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException {
    long wanted = append.position().value();
    boolean unused = monitor.await(() -> hasPassed(append) || ended, Durations.nanos(timeout));
    if (monitor.read(() -> hasPassed(append))) {
      monitor.change(() -> state.parked.requireApplied(name(), append));
      return;
    }
    if (hasEnded()) {
      throw new IllegalStateException(
          "subscription %s has %s at position %d, and has not applied position %d"
              .formatted(
                  name(), state.failure == null ? "stopped" : "failed", state.lowest(), wanted),
          state.failure);
    }
    throw new TimeoutException(SubscriptionReport.explain(name(), status(), wanted));
  }

  /**
   * Whether the partitions of the append's streams have passed it; if it names no stream, all
   * partitions.
   */
  private boolean hasPassed(AppendResult append) {
    long wanted = append.position().value();
    return !state.removed
        && (append.versions().isEmpty()
            ? state.lowest() >= wanted
            : append.versions().keySet().stream()
                .allMatch(s -> state.checkpoint(Partitions.of(s, state.partitions())) >= wanted));
  }

  @Override
  public void close() {
    askToStop();
    join();
  }

  void askToStop() {
    monitor.change(() -> stopping = true);
  }

  /**
   * Waits until this subscription has ended, unless its thread may be waiting for the calling
   * thread.
   */
  void join() {
    Scheduler.Task running = task;
    if (running == null || EngineThread.isCurrent()) {
      return;
    }
    try {
      boolean unused = running.join(Long.MAX_VALUE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
