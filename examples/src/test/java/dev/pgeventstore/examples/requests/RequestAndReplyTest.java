package dev.pgeventstore.examples.requests;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.examples.pools.Pools;
import dev.pgeventstore.examples.requests.Reply.Accepted;
import dev.pgeventstore.examples.requests.Reply.Refused;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class RequestAndReplyTest {

  @Test
  void every_sender_gets_the_result_and_accepted_people_are_on_the_list(Database database)
      throws Exception {
    try (HikariDataSource pool = Pools.of(database.url(), 12);
        EventStore store = RequestAndReply.store(pool)) {
      RequestAndReply.Outcome outcome = new RequestAndReply(pool, store, line -> {}).run(25, 40);

      assertThat(outcome.early()).isEqualTo(new Refused("there is no such seminar"));
      Map<Boolean, List<RequestAndReply.Visit>> visits =
          outcome.visits().values().stream()
              .collect(Collectors.partitioningBy(visit -> visit.reply() instanceof Accepted));
      assertThat(visits.get(true)).hasSize(25).allMatch(RequestAndReply.Visit::seen);
      assertThat(visits.get(false))
          .hasSize(15)
          .noneMatch(RequestAndReply.Visit::seen)
          .extracting(RequestAndReply.Visit::reply)
          .containsOnly(new Refused("all 25 seats are taken"));

      Set<String> accepted =
          visits.get(true).stream().map(RequestAndReply.Visit::person).collect(Collectors.toSet());
      assertThat(outcome.list()).isEqualTo(accepted);
      assertThat(outcome.again())
          .isEqualTo(new Refused(outcome.list().iterator().next() + " has a seat already"));
    }
  }
}
