package dev.pgeventstore.examples.logs;

import static dev.pgeventstore.examples.logs.XesText.declined;
import static dev.pgeventstore.examples.logs.XesText.log;
import static dev.pgeventstore.examples.logs.XesText.submitted;
import static dev.pgeventstore.examples.logs.XesText.trace;
import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.logs.LogImport.ActivityRecorded;
import dev.pgeventstore.examples.logs.LogImport.TraceBegun;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(PostgresExtension.class)
class ImportLogTest {

  @TempDir Path folder;

  @Test
  void any_log_is_imported_with_all_its_data_and_the_second_run_appends_nothing(Database database)
      throws Exception {
    String nameless = "<trace><event><string key=\"what\" value=\"x\"/></event></trace><event/>";
    Path file = XesText.write(folder, log(trace("1", submitted(), declined()), nameless));
    List<String> told = new ArrayList<>();

    ImportLog.run(database.url(), file, told::add);

    assertThat(told)
        .satisfiesExactly(
            first -> assertThat(first).contains(" 7 events appended ", "has 7 of this log"),
            second -> assertThat(second).contains(" 0 events appended ", "has 7 of this log"));
    List<RecordedEvent> stored = stored(database);
    assertThat(stored)
        .extracting(event -> event.stream().toString())
        .containsExactly(
            "trace-1", "trace-1", "trace-1", "trace-#2", "trace-#2", "trace-#3", "trace-#3");
    try (XesReader reader = XesReader.open(file)) {
      XesTrace first = reader.next();
      assertThat(stored.subList(0, 3))
          .extracting(RecordedEvent::payload)
          .containsExactly(
              new TraceBegun("1", first.attributes()),
              recorded(first.events().get(0)),
              recorded(first.events().get(1)));
      assertThat(stored.get(1).metadata().occurredAt())
          .contains(first.events().get(0).timestamp().toInstant());
    }
  }

  @Test
  void a_log_that_has_grown_is_continued(Database database) throws Exception {
    Path file = XesText.write(folder, log(trace("1", submitted())));
    ImportLog.run(database.url(), file, line -> {});
    XesText.write(folder, log(trace("1", submitted()), trace("2", submitted(), declined())));
    List<String> told = new ArrayList<>();

    ImportLog.run(database.url(), file, told::add);

    assertThat(told.get(0)).contains(" 3 events appended ", "has 5 of this log");
    assertThat(stored(database)).hasSize(5);
  }

  private static ActivityRecorded recorded(XesEvent event) {
    return new ActivityRecorded(event.activity(), event.lifecycle(), event.attributes());
  }

  private static List<RecordedEvent> stored(Database database) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(database.url());
    try (HikariDataSource pool = new HikariDataSource(config);
        PostgresEventStore store =
            PostgresEventStore.builder(pool)
                .codec(JacksonCodec.of(EventTypes.of(TraceBegun.class, ActivityRecorded.class)))
                .build()) {
      return store.readLazily(EventQuery.all(), Position.START).toList();
    }
  }
}
