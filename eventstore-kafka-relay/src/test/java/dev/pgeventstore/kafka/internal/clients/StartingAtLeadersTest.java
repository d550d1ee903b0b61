package dev.pgeventstore.kafka.internal.clients;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class StartingAtLeadersTest {

  private static final String SERVERS = "bootstrap.servers";

  @Test
  void producers_and_consumers_begin_with_the_leaders_and_admin_clients_with_what_was_given() {
    KafkaSettings settings = new KafkaSettings(Map.of(SERVERS, "given:1,given:2"));

    settings.leadersAre(Set.of("leader:1"));

    assertThat(settings.transactionalProducer("id")).containsEntry(SERVERS, List.of("leader:1"));
    assertThat(settings.idempotentProducer()).containsEntry(SERVERS, List.of("leader:1"));
    assertThat(settings.consumer()).containsEntry(SERVERS, List.of("leader:1"));
    assertThat(settings.admin()).containsEntry(SERVERS, "given:1,given:2");
  }

  @Test
  void without_leaders_all_begin_with_what_was_given() {
    KafkaSettings settings = new KafkaSettings(Map.of(SERVERS, "given:1"));

    settings.leadersAre(Set.of("leader:1"));
    settings.leadersAre(Set.of());

    assertThat(settings.idempotentProducer()).containsEntry(SERVERS, "given:1");
    assertThat(settings.consumer()).containsEntry(SERVERS, "given:1");
  }

  @Test
  void a_client_with_servers_of_its_own_keeps_them() {
    KafkaSettings settings =
        new KafkaSettings(Map.of(SERVERS, "given:1", "producer." + SERVERS, "producers:1"));

    settings.leadersAre(Set.of("leader:1"));

    assertThat(settings.idempotentProducer()).containsEntry(SERVERS, "producers:1");
    assertThat(settings.consumer()).containsEntry(SERVERS, List.of("leader:1"));
  }
}
