package dev.pgeventstore.examples.capture;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class ParallelCaptureTest {

  private static final int PROCESSES = 3;
  private static final int APPENDS = 200;
  private static final int APPENDS_OF_A_PROCESS = CaptureProcess.THREADS * APPENDS;

  @Test
  void no_reader_misses_an_event_that_several_processes_write_in_parallel(Database database)
      throws Exception {
    try (HikariDataSource pool = Pools.of(database.url(), 12);
        EventStore store = ParallelCapture.store(pool)) {
      Map<String, Audit.Findings> found =
          new ParallelCapture(database.url(), store, line -> {}).run(PROCESSES, APPENDS);

      Audit log = new Audit();
      EventPage page;
      Position after = Position.START;
      do {
        page = store.readPage(after, 1_000);
        log.look(page.events());
        after = page.upTo();
      } while (!page.isLast());

      // Each third append writes to two streams; one more event marks the end.
      assertThat(log.findings().events())
          .isEqualTo(PROCESSES * (APPENDS_OF_A_PROCESS + with(2)) + 1);
      assertThat(log.findings().appends()).isEqualTo(PROCESSES * APPENDS_OF_A_PROCESS + 1);
      assertThat(log.findings().flaws()).isZero();
      assertThat(found).hasSize(4);
      for (String name : new String[] {"all", "all, a few at a time", "all, unnamed"}) {
        assertThat(found.get(name)).as(name).isEqualTo(log.findings());
      }
      Audit.Findings own = found.get("own sensors");
      assertThat(own.events()).isEqualTo(PROCESSES * (with(0) + with(2)));
      assertThat(own.appends()).isEqualTo(own.events());
      assertThat(own.flaws()).isZero();
    }
  }

  /** The number of appends of a process whose number has this remainder. */
  private static long with(int remainder) {
    return IntStream.range(0, APPENDS_OF_A_PROCESS).filter(n -> n % 3 == remainder).count();
  }
}
