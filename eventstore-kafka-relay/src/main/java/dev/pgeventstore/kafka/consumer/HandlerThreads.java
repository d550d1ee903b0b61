package dev.pgeventstore.kafka.consumer;

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The threads that call a consumer's handler. They are started as needed, and end when idle. */
final class HandlerThreads implements Executor, AutoCloseable {

  private static final long IDLE_SECONDS = 60;

  private final ThreadPoolExecutor threads;

  HandlerThreads(String group, int most) {
    AtomicInteger started = new AtomicInteger();
    this.threads =
        new ThreadPoolExecutor(
            most,
            most,
            IDLE_SECONDS,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            work -> {
              Thread thread =
                  new Thread(
                      work, "relayed-consumer-%s-%d".formatted(group, started.incrementAndGet()));
              thread.setDaemon(true);
              return thread;
            });
    threads.allowCoreThreadTimeOut(true);
  }

  @Override
  public void execute(Runnable work) {
    threads.execute(work);
  }

  /** What has begun is done, and nothing more. */
  @Override
  public void close() {
    threads.shutdown();
  }
}
