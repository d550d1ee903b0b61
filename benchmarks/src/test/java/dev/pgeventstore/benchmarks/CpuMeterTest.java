package dev.pgeventstore.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class CpuMeterTest {

  @Test
  void the_data_of_a_process_is_read_for_any_name() {
    ProcessTable.Entry entry =
        ProcessTable.Entry.parse(
            "77 (a) b (c)) S 12 77 77 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 55 1 1");
    assertThat(entry).isEqualTo(new ProcessTable.Entry("a) b (c)", 12, 127));
  }

  @Test
  void waiting_for_the_disk_is_idle_and_what_the_host_took_is_busy() {
    ProcessTable.Machine machine =
        ProcessTable.Machine.parse("cpu  10 1 2 100 50 3 4 5 9 9\ncpu0 1 1 1 1 1 1 1 1 0 0\n");
    assertThat(machine.totalNanos()).isEqualTo(175 * 10_000_000L);
    assertThat(machine.busyNanos()).isEqualTo(25 * 10_000_000L);
  }

  @Test
  void cpu_of_the_client_and_of_the_server_are_distinguished(
      PostgresServer server, Database database) throws Exception {
    assumeThat(ProcessTable.isThere()).isTrue();
    CpuMeter meter = new CpuMeter(server);

    Map<String, Double> client = meter.measure(() -> spin(200)).byUnit();
    assertThat(client.get(CpuMeter.CLIENT)).isBetween(150_000.0, 2_000_000.0);
    assertThat(client.get(CpuMeter.SERVER)).isLessThan(client.get(CpuMeter.CLIENT));
    assertThat(client.get(CpuMeter.FOREIGN)).isBetween(0.0, 100.0);

    Map<String, Double> ofServer = meter.measure(() -> count(database)).byUnit();
    assertThat(ofServer.get(CpuMeter.SERVER)).isGreaterThan(100_000);
    assertThat(ofServer.get(CpuMeter.SERVER)).isGreaterThan(ofServer.get(CpuMeter.CLIENT));
  }

  @Test
  void figures_without_operations_have_no_cpu_per_operation(PostgresServer server)
      throws Exception {
    assertThat(new CpuMeter(server).measure(() -> new Figures(Map.of("x", 1.0), 0)).byUnit())
        .doesNotContainKeys(CpuMeter.CLIENT, CpuMeter.SERVER);
  }

  /** Uses this much CPU time, which a busy machine may grant only in pieces. */
  private static Figures spin(int millis) {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    long end = threads.getCurrentThreadCpuTime() + millis * 1_000_000L;
    while (threads.getCurrentThreadCpuTime() < end) {
      Thread.onSpinWait();
    }
    return new Figures(Map.of(), 1);
  }

  /** On a connection that is closed before the measurement, so its server process has ended. */
  private static Figures count(Database database) throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      statement.execute("set max_parallel_workers_per_gather = 0");
      statement.execute("select count(*) from generate_series(1, 2000000)");
    }
    return new Figures(Map.of(), 1);
  }
}
