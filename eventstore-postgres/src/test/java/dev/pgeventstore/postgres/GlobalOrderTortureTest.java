package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Runs {@link GlobalOrderTorture} with seeds of the moment, each printed; {@code -Dtorture.seed}
 * repeats one.
 */
@ExtendWith(PostgresExtension.class)
class GlobalOrderTortureTest {

  @Test
  void readers_miss_nothing_and_see_nothing_twice_or_out_of_order(PostgresServer server)
      throws Exception {
    torture(server, 5);
  }

  @Test
  @Tag("soak")
  void readers_miss_nothing_in_a_hundred_runs(PostgresServer server) throws Exception {
    torture(server, 100);
  }

  private static void torture(PostgresServer server, int runs) throws Exception {
    Long seed = Long.getLong("torture.seed");
    if (seed != null) {
      GlobalOrderTorture.run(seed, server.createDatabase());
      return;
    }
    long first = System.nanoTime() % 1_000_000_000;
    for (int i = 0; i < runs; i++) {
      GlobalOrderTorture.run(first + i, server.createDatabase());
    }
  }

  @Test
  void taking_the_largest_visible_position_for_the_mark_is_caught(Database database)
      throws Exception {
    try (TestStore store = new TestStore(database)) {
      store.execute(
          """
          create or replace function eventstore.observe_fence(
            out visible bigint, out incarnation text, out is_standby boolean,
            out holders text[], out pids integer[])
          language sql stable
          as $$
            select (select coalesce(max(e.position), 0) from eventstore.events as e),
                   eventstore.incarnation(), false, null::text[], null::integer[]
          $$
          """);
    }
    boolean caught = false;
    for (long seed = 1; seed <= 20 && !caught; seed++) {
      try {
        GlobalOrderTorture.run(seed, database);
      } catch (AssertionError e) {
        System.out.println("caught, as it must be: " + e.getMessage().lines().limit(3).toList());
        caught = true;
      }
    }
    assertThat(caught).as("the torture sees what a reader without the fence loses").isTrue();
  }
}
