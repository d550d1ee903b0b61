package dev.pgeventstore.examples.services;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class ServicesTest {

  @Test
  void every_service_handles_every_event_once_on_one_of_its_nodes_although_one_is_killed(
      Database database) throws Exception {
    try (HikariDataSource pool = Pools.of(database.url(), 10);
        EventStore store = Services.store(pool)) {
      Services.Outcome outcome = new Services(database.url(), pool, store, line -> {}).run();

      List<RecordedEvent> log = store.readPage(Position.START, 10_000).events();
      assertThat(log.get(log.size() - 1).position()).isEqualTo(outcome.end());
      Long[] positions = log.stream().map(e -> e.position().value()).toArray(Long[]::new);
      for (String service : List.of(Services.ACCOUNTS, Services.ACTIVITY)) {
        List<Work.Item> work =
            outcome.work().stream().filter(item -> item.service().equals(service)).toList();
        assertThat(work)
            .as(service)
            .extracting(Work.Item::position)
            .containsExactlyInAnyOrder(positions);
        log.stream()
            .map(event -> event.stream().toString())
            .distinct()
            .forEach(
                stream ->
                    assertThat(work)
                        .filteredOn(item -> item.stream().equals(stream))
                        .as(service + " of " + stream)
                        .extracting(Work.Item::position)
                        .isSorted());
      }
      assertThat(outcome.work())
          .filteredOn(item -> item.position() <= outcome.shared().value())
          .extracting(Work.Item::node)
          .contains("accounts-1", "accounts-2", "activity-1", "activity-2");
      assertThat(outcome.work())
          .filteredOn(item -> item.position() > outcome.shared().value())
          .extracting(Work.Item::node)
          .contains("accounts-2")
          .doesNotContain("accounts-1");
    }
  }
}
