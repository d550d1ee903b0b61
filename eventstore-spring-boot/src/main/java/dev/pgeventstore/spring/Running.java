package dev.pgeventstore.spring;

import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.BeanNameAware;
import org.springframework.context.SmartLifecycle;

/**
 * A bean for what runs as long as the application does: a subscription, a follower, a projection, a
 * relay. Safe for many threads.
 *
 * <pre>{@code
 * @Bean
 * Running<Subscription> balances(EventStore store) {
 *   return Running.of(
 *       () -> Subscriptions.of(store).create("balances").handler(new Balances()).start());
 * }
 * }</pre>
 *
 * <p>It is started when all beans are there, before the web server accepts requests, and closed
 * after the web server has finished them, before the store and the pool are closed. Several are
 * closed at the same time, each in a thread of its own, for at most as long as {@code
 * spring.lifecycle.timeout-per-shutdown-phase}. If it cannot be started, the application is not.
 *
 * @param <T> what is started
 */
public final class Running<T extends AutoCloseable> implements SmartLifecycle, BeanNameAware {

  /** Before web servers, which have the default phase less 2048, and so closed after them. */
  static final int PHASE = DEFAULT_PHASE - 4096;

  private static final Logger LOG = LoggerFactory.getLogger(Running.class);

  private final Supplier<? extends T> start;
  private volatile String name = "running";
  private volatile @Nullable T running;

  private Running(Supplier<? extends T> start) {
    this.start = start;
  }

  /**
   * Describes what is to run.
   *
   * @param <T> what is started
   * @param start starts it; called once for each start of the application context
   * @return a bean, not started yet
   */
  public static <T extends AutoCloseable> Running<T> of(Supplier<? extends T> start) {
    return new Running<>(Objects.requireNonNull(start, "what starts it"));
  }

  /**
   * What runs.
   *
   * @return as it was started
   * @throws IllegalStateException if the application context has not started it yet, or has stopped
   *     it
   */
  public T get() {
    T now = running;
    if (now == null) {
      throw new IllegalStateException(
          "'%s' does not run: the application context has not started it, or has stopped it"
              .formatted(name));
    }
    return now;
  }

  @Override
  public void setBeanName(String bean) {
    name = bean;
  }

  @Override
  public synchronized void start() {
    if (running == null) {
      running = start.get();
    }
  }

  @Override
  public boolean isRunning() {
    return running != null;
  }

  /** Closes it, and waits for that. */
  @Override
  public void stop() {
    T now = taken();
    if (now != null) {
      try {
        now.close();
      } catch (Exception e) {
        LOG.warn("'{}' could not be closed", name, e);
      }
    }
  }

  private synchronized @Nullable T taken() {
    T now = running;
    running = null;
    return now;
  }

  @Override
  public void stop(Runnable callback) {
    Thread thread =
        new Thread(
            () -> {
              try {
                stop();
              } finally {
                callback.run();
              }
            },
            "eventstore-stop-" + name);
    thread.setDaemon(true);
    thread.start();
  }

  @Override
  public int getPhase() {
    return PHASE;
  }
}
