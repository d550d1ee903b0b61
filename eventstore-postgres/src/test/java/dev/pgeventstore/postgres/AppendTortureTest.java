package dev.pgeventstore.postgres;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Runs {@link AppendTorture} with seeds of the moment, each printed; {@code -Dtorture.seed} repeats
 * one.
 */
@ExtendWith(PostgresExtension.class)
class AppendTortureTest {

  private interface Run {
    void with(long seed) throws Exception;
  }

  private static void runs(int count, Run run) throws Exception {
    Long given = Long.getLong("torture.seed");
    long first = given != null ? given : System.nanoTime() % 1_000_000_000;
    for (int i = 0; i < (given != null ? 1 : count); i++) {
      run.with(first + i);
    }
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void the_results_of_200_threads_agree_with_what_is_stored(
      Appending appending, PostgresServer server) throws Exception {
    runs(
        Integer.getInteger("many", 2),
        seed -> AppendTorture.run(seed, server.createDatabase(), appending, 200, 4));
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  @Tag("soak")
  void the_results_of_200_threads_agree_with_what_is_stored_in_many_long_runs(
      Appending appending, PostgresServer server) throws Exception {
    runs(10, seed -> AppendTorture.run(seed, server.createDatabase(), appending, 200, 50));
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void the_results_of_few_busy_threads_agree_with_what_is_stored(
      Appending appending, PostgresServer server) throws Exception {
    runs(1, seed -> AppendTorture.run(seed, server.createDatabase(), appending, 6, 60));
  }

  @Tag("faults")
  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  void what_was_acknowledged_survives_kills_of_the_server_exactly_once(Appending appending)
      throws Exception {
    kill(appending, 1, 1);
  }

  @ParameterizedTest
  @EnumSource(names = "GROUPED")
  @Tag("soak")
  void what_was_acknowledged_survives_many_kills_of_the_server_exactly_once(Appending appending)
      throws Exception {
    kill(appending, 5, 10);
  }

  private static void kill(Appending appending, int runs, int kills) throws Exception {
    runs(
        runs,
        seed -> {
          try (PostgresServer server = PostgresServer.start()) {
            assumeTrue(server.canBeKilled(), "needs a server that was started here");
            AppendTorture.runAndKill(seed, server, appending, 50, kills);
          }
        });
  }
}
