package dev.pgeventstore.internal;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Calls what the application listens with. */
public final class Listeners {

  private static final Logger LOG = LoggerFactory.getLogger(Listeners.class);

  private Listeners() {}

  /** Calls, whatever it throws, and whatever interrupt it leaves behind. */
  public static void call(String whose, Runnable listener) {
    boolean interrupted = Thread.currentThread().isInterrupted();
    try {
      listener.run();
    } catch (Throwable e) {
      // Also a checked exception that is not declared, as Kotlin's are.
      LOG.warn("The listener of {} failed", whose, Causes.loggable(e));
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    } else {
      boolean unused = Thread.interrupted();
    }
  }
}
