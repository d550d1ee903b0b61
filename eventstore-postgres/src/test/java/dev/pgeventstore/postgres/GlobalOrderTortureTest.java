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
@Tag("faults")
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
  void taking_the_last_drawn_position_for_the_mark_is_caught(PostgresServer server)
      throws Exception {
    assertCaught(
        server,
        """
        create or replace function eventstore.observe_fence(
          out drawn bigint, out visible bigint, out incarnation text, out is_standby boolean,
          out holders text[], out pids integer[])
        language sql stable
        as $$
          select last_value, 0::bigint, eventstore.incarnation(), false, null::text[],
                 null::integer[]
            from eventstore.events_position_seq
        $$
        """);
  }

  @Test
  void a_message_whose_lock_is_not_counted_is_caught(PostgresServer server) throws Exception {
    assertCaught(
        server,
        """
        create or replace function eventstore.draw_position() returns bigint
        language sql volatile
        as $$
          select nextval('eventstore.events_position_seq')
        $$
        """);
  }

  @Test
  void a_message_that_has_its_position_before_the_lock_is_caught(PostgresServer server)
      throws Exception {
    assertCaught(
        server,
        """
        create or replace function eventstore.draw_position() returns bigint
        language plpgsql volatile
        as $$
        declare
          _drawn constant bigint := nextval('eventstore.events_position_seq');
        begin
          perform pg_sleep(0.002);
          lock table eventstore.events in row exclusive mode;
          return _drawn;
        end
        $$
        """);
  }

  private static void assertCaught(PostgresServer server, String mistake) throws Exception {
    boolean caught = false;
    for (long seed = 1; seed <= 20 && !caught; seed++) {
      Database database = server.createDatabase();
      try (TestStore store = new TestStore(database)) {
        store.execute(mistake);
      }
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
