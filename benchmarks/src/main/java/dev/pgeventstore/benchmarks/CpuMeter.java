package dev.pgeventstore.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * Measures the CPU time of a work: in this process and those it has started, such as a broker, in
 * the server's processes, and in everything else on the machine. The latter two are known only on
 * Linux, and only for a server on this machine.
 */
final class CpuMeter {

  static final String CLIENT = "client CPU µs/op";
  static final String SERVER = "server CPU µs/op";
  static final String FOREIGN = "foreign CPU %";

  private static final long NOT_HERE = 0;

  private final boolean hasTable = ProcessTable.isThere();
  private final long self = ProcessHandle.current().pid();
  private final long postmaster;

  CpuMeter(PostgresServer server) throws SQLException, IOException {
    this.postmaster = hasTable ? postmaster(server) : NOT_HERE;
  }

  /** The parent of the server process of a connection, if the server is on this machine. */
  private static long postmaster(PostgresServer server) throws SQLException, IOException {
    try (Connection connection = new Database(server.url("postgres")).open();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("select pg_backend_pid()")) {
      row.next();
      ProcessTable table = ProcessTable.read();
      long backend = row.getLong(1);
      long parent = table.parentOf(backend);
      return table.nameOf(backend).equals("postgres") && table.nameOf(parent).equals("postgres")
          ? parent
          : NOT_HERE;
    }
  }

  /** Runs a work, and adds its CPU time to the figures. */
  Figures measure(Work.Side side) throws Exception {
    Reading before = read();
    Figures figures = side.measure();
    Reading after = read();
    long client = after.client - before.client;
    long server = after.server - before.server;
    Figures with = figures.perOperation(CLIENT, client);
    if (postmaster == NOT_HERE) {
      return with;
    }
    double total = after.machine.totalNanos() - before.machine.totalNanos();
    double foreign = after.machine.busyNanos() - before.machine.busyNanos() - client - server;
    return with.perOperation(SERVER, server)
        .and(FOREIGN, total == 0 ? 0 : Math.max(0, 100 * foreign / total));
  }

  private Reading read() throws IOException {
    if (!hasTable) {
      return new Reading(ofThisProcess(), 0, new ProcessTable.Machine(0, 0));
    }
    ProcessTable table = ProcessTable.read();
    return new Reading(
        table.nanosOfTree(self, postmaster),
        postmaster == NOT_HERE ? 0 : table.nanosOfTree(postmaster, NOT_HERE),
        ProcessTable.machine());
  }

  private static long ofThisProcess() {
    return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getProcessCpuTime();
  }

  private record Reading(long client, long server, ProcessTable.Machine machine) {}
}
