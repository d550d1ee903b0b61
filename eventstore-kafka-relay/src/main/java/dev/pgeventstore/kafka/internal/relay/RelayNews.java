package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Position;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.Listeners;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.internal.scheduling.Workers;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.PoisonPolicy.Poison;
import dev.pgeventstore.kafka.RelayListener;
import dev.pgeventstore.kafka.internal.Answer;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notifies a relay's listener, in a thread of its own, so that no lane waits for it. Safe for many
 * threads.
 */
public final class RelayNews implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RelayNews.class);
  private static final int MOST_WAITING = 10_000;
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(5);

  private final Scheduler scheduler;
  private final String relay;
  private final @Nullable RelayListener listener;
  private final Workers thread;
  private final AtomicInteger waiting = new AtomicInteger();
  private final AtomicInteger leftOut = new AtomicInteger();

  /**
   * @param listener null for none
   */
  public RelayNews(Scheduler scheduler, String relay, @Nullable RelayListener listener) {
    this.scheduler = scheduler;
    this.relay = relay;
    this.listener = listener;
    this.thread = new Workers(scheduler, "eventstore-relay-%s-listener".formatted(relay), 1);
  }

  void led(int lane, Position position) {
    tell(told -> told.led(new Led(relay, lane, position)));
  }

  void leadEnded(int lane, Position position, boolean lost) {
    tell(told -> told.leadEnded(new LeadEnded(relay, lane, position, lost)));
  }

  /** First what was poisoned: it is committed with the rest. */
  void committed(int lane, Commit commit, Duration took) {
    commit
        .poisoned()
        .forEach(
            each ->
                tell(
                    told ->
                        told.poisoned(
                            new Poisoned(
                                relay, lane, commit.upTo(), each.poison(), each.decision()))));
    Committed committed =
        new Committed(
            relay,
            lane,
            commit.upTo(),
            commit.mark(),
            commit.events(),
            commit.messages(),
            commit.records(),
            took);
    tell(told -> told.committed(committed));
  }

  void failed(int lane, Position position, Throwable error) {
    tell(told -> told.failed(new Failed(relay, lane, position, error)));
  }

  void halted(int lane, Position position, Throwable error) {
    tell(told -> told.halted(new Halted(relay, lane, position, error)));
  }

  private void tell(Consumer<RelayListener> what) {
    RelayListener told = listener;
    if (told == null) {
      return;
    }
    if (waiting.get() >= MOST_WAITING) {
      if (leftOut.getAndIncrement() == 0) {
        LOG.warn("The listener of relay {} is {} calls behind: some are left out", relay, waiting);
      }
      return;
    }
    waiting.incrementAndGet();
    try {
      thread.execute(() -> EngineThread.run(() -> call(told, what)));
    } catch (RuntimeException | Error e) {
      // No thread can be started, or the relay is closed.
      waiting.decrementAndGet();
      LOG.debug("The listener of relay {} is not told something", relay, e);
    }
  }

  private void call(RelayListener told, Consumer<RelayListener> what) {
    try {
      Listeners.call("relay " + relay, () -> what.accept(told));
    } finally {
      if (waiting.decrementAndGet() == 0 && leftOut.get() > 0) {
        LOG.warn(
            "The listener of relay {} has caught up: {} calls were left out",
            relay,
            leftOut.getAndSet(0));
      }
    }
  }

  /** Waits for what was told so far, but not for ever. */
  @Override
  public void close() {
    if (listener == null) {
      return;
    }
    Answer<Void> last = new Answer<>(scheduler);
    try {
      thread.execute(() -> last.is(null, null));
      thread.close();
      if (!EngineThread.isCurrent()) {
        Void unused = last.await(CLOSE_TIMEOUT);
      }
    } catch (RejectedExecutionException e) {
      LOG.debug("The listener of relay {} was closed before", relay);
    } catch (ExecutionException | TimeoutException e) {
      LOG.warn("The listener of relay {} is not waited for any longer", relay);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private record Led(String relay, int lane, Position position) implements RelayListener.Led {}

  private record LeadEnded(String relay, int lane, Position position, boolean lost)
      implements RelayListener.LeadEnded {}

  private record Committed(
      String relay,
      int lane,
      Position position,
      Position highWaterMark,
      int events,
      int messages,
      int records,
      Duration took)
      implements RelayListener.Committed {}

  private record Poisoned(
      String relay, int lane, Position position, Poison poison, Decision decision)
      implements RelayListener.Poisoned {}

  private record Failed(String relay, int lane, Position position, Throwable error)
      implements RelayListener.Failed {}

  private record Halted(String relay, int lane, Position position, Throwable error)
      implements RelayListener.Halted {}
}
