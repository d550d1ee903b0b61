package dev.pgeventstore.examples.desk;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

// tag::servers[]
@ExtendWith(PostgresExtension.class)
class DeskTest {

  @BeforeEach
  void prepare(Database database) throws Exception {
    Release.prepare(database.dataSource());
  }

  @Test
  void a_second_release_works_with_the_data_of_the_first(Database database) throws Exception {
    Release.prepare(database.dataSource());

    Desk.store(database.as("desk_app").dataSource()).close();
  }

  @Test
  void a_writer_runs_the_program_and_an_eraser_erases(Database database) throws Exception {
    try (HikariDataSource pool = Desk.pool(database.as("desk_app").url())) {
      Desk.Outcome outcome =
          new Desk(pool, database.as("desk_privacy").dataSource(), line -> {}).run();

      assertThat(outcome.open()).isEqualTo(Map.of("1", "mail", "2", "phone"));
      assertThat(outcome.seen()).isEqualTo(6);
      assertThat(outcome.erased().isErased()).isTrue();
      assertThat(outcome.erased().version()).isEqualTo(1);
      assertThat(outcome.afterErasing()).isEqualTo(new Ticket(false, false, 2));
      assertThat(outcome.healthy()).isTrue();
    }
  }
}
// end::servers[]
