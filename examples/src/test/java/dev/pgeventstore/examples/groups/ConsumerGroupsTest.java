package dev.pgeventstore.examples.groups;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.groups.Instance.Work;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class ConsumerGroupsTest {

  @Test
  void every_service_handles_every_event_on_one_of_its_instances_and_each_user_in_order(
      Database database, KafkaBroker kafka) throws Exception {
    Topic topic = new Topic(kafka.bootstrap(), "users-" + UUID.randomUUID()).create(4);
    try (HikariDataSource pool = Pools.of(database.url(), 6);
        EventStore store = ConsumerGroups.store(pool)) {
      List<Work> done = new ConsumerGroups(store, topic, line -> {}).run();

      List<RecordedEvent> log = store.readPage(Position.START, 10_000).events();
      for (String service : List.of(ConsumerGroups.ACCOUNTS, ConsumerGroups.ACTIVITY)) {
        List<Work> work = done.stream().filter(item -> item.service().equals(service)).toList();
        assertThat(work)
            .as(service)
            .extracting(item -> item.user() + " " + item.version())
            .containsExactlyInAnyOrderElementsOf(
                log.stream().map(event -> event.stream() + " " + event.version()).toList());
        for (int user = 1; user <= ConsumerGroups.USERS; user++) {
          String stream = "user-" + user;
          assertThat(work)
              .filteredOn(item -> item.user().equals(stream))
              .as(service + " of " + stream)
              .extracting(Work::version)
              .isSorted();
        }
      }
      assertThat(done)
          .extracting(Work::instance)
          .contains("accounts-1", "accounts-2", "activity-1", "activity-2");
      List<Work> last = done.subList(done.size() - 2 * ConsumerGroups.USERS, done.size());
      assertThat(last)
          .extracting(Work::instance)
          .contains("accounts-2")
          .doesNotContain("accounts-1");
    }
  }
}
