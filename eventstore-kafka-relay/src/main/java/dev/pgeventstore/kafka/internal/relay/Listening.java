package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Position;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.EngineThread;
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
 * Tells a listener what a relay does, in a thread of its own, so that no lane waits for it. Safe
 * for many threads.
 */
public final class Listening implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Listening.class);

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
  public Listening(Scheduler scheduler, String relay, @Nullable RelayListener listener) {
    this.scheduler = scheduler;
    this.relay = relay;
    this.listener = listener;
    this.thread = new Workers(scheduler, "eventstore-relay-%s-listener".formatted(relay), 1);
  }

  String relay() {
    return relay;
  }

  void tell(Consumer<RelayListener> what) {
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
      what.accept(told);
    } catch (Throwable e) {
      LOG.warn("The listener of relay {} has failed", relay, Causes.loggable(e));
    } finally {
      Thread.interrupted();
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

  record Led(String relay, int lane, Position position) implements RelayListener.Led {}

  record LeadEnded(String relay, int lane, Position position, boolean lost)
      implements RelayListener.LeadEnded {}

  record Committed(
      String relay,
      int lane,
      Position position,
      Position highWaterMark,
      int events,
      int messages,
      int records,
      Duration took)
      implements RelayListener.Committed {}

  record Poisoned(String relay, int lane, Position position, Poison poison, Decision decision)
      implements RelayListener.Poisoned {}

  record Failed(String relay, int lane, Position position, Throwable error)
      implements RelayListener.Failed {}

  record Halted(String relay, int lane, Position position, Throwable error)
      implements RelayListener.Halted {}
}
