package dev.pgeventstore.examples.capture;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.Append;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.examples.pools.Pools;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * One of the processes that capture measurements. Its threads write to their process's own sensors
 * and to sensors that all processes share. They append one stream or several at once, also in
 * transactions that stay open for some time or are rolled back.
 */
final class CaptureProcess {

  static final int THREADS = 4;
  static final int SENSORS = 20;

  private final HikariDataSource pool;
  private final EventStore store;
  private final int process;

  private CaptureProcess(HikariDataSource pool, EventStore store, int process) {
    this.pool = pool;
    this.store = store;
    this.process = process;
  }

  /** Arguments: database URL, number of the process, number of appends of each thread. */
  public static void main(String[] arguments) throws Exception {
    try (HikariDataSource pool = Pools.of(arguments[0], 12);
        EventStore store = ParallelCapture.store(pool)) {
      new CaptureProcess(pool, store, Integer.parseInt(arguments[1]))
          .run(Integer.parseInt(arguments[2]));
    }
  }

  private void run(int appends) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    try {
      List<Future<?>> running = new ArrayList<>();
      for (int thread = 0; thread < THREADS; thread++) {
        int first = thread * appends;
        running.add(
            threads.submit(
                () -> {
                  capture(first, first + appends);
                  return null;
                }));
      }
      for (Future<?> thread : running) {
        thread.get();
      }
    } finally {
      threads.shutdown();
    }
  }

  private void capture(int from, int to) throws Exception {
    Random random = new Random(31L * process + from);
    for (int number = from; number < to; number++) {
      Append append = append(number, random);
      if (number % 10 == 0) {
        slowly(append, random);
      } else {
        store.append(append);
      }
    }
  }

  private Append append(int number, Random random) {
    StreamId own = StreamId.of("sensor", process + "." + number % SENSORS);
    StreamId common = StreamId.of("shared", Integer.toString(random.nextInt(SENSORS)));
    List<Measured> measured = List.of(new Measured(process, number));
    return switch (number % 3) {
      case 0 -> Append.to(own, ExpectedVersion.any(), measured);
      case 1 -> Append.to(common, ExpectedVersion.any(), measured);
      default ->
          Append.to(own, ExpectedVersion.any(), measured)
              .and(common, ExpectedVersion.any(), measured);
    };
  }

  /** Appends in a transaction that draws its positions and then stays open while others commit. */
  private void slowly(Append append, Random random) throws Exception {
    try (Connection connection = pool.getConnection()) {
      connection.setAutoCommit(false);
      store.within(connection).append(append);
      Thread.sleep(random.nextInt(20));
      // The positions that it drew stay empty for ever.
      connection.rollback();
      store.within(connection).append(append);
      Thread.sleep(random.nextInt(20));
      connection.commit();
    }
  }
}
