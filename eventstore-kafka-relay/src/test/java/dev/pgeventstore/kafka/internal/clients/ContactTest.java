package dev.pgeventstore.kafka.internal.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.internal.scheduling.Scheduler;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.junit.jupiter.api.Test;

class ContactTest {

  private final List<String> calls = new ArrayList<>();
  private boolean letsIn;
  private final KafkaSettings settings =
      new KafkaSettings(
          Map.of("bootstrap.servers", "localhost:9092"), new Recorded(), Scheduler.threads());
  private final Contact contact = Contact.kept();

  @Test
  void a_client_without_an_answer_is_kept_for_a_few_tries() {
    Admin first = contact.take(settings);
    for (int next = 2; next <= 5; next++) {
      contact.giveBack(first, false);
      assertThat(contact.take(settings)).isSameAs(first);
    }
    contact.giveBack(first, false);
    assertThat(calls).containsExactly("admin", "admin.close");
    Admin second = contact.take(settings);
    assertThat(second).isNotSameAs(first);
    contact.giveBack(second, false);
    contact.close();
    assertThat(calls).containsExactly("admin", "admin.close", "admin", "admin.close");
  }

  @Test
  void a_client_that_was_answered_is_closed_as_is_one_of_a_single_try() {
    contact.giveBack(contact.take(settings), true);
    Contact once = Contact.once();
    once.giveBack(once.take(settings), false);
    assertThat(calls).containsExactly("admin", "admin.close", "admin", "admin.close");
  }

  @Test
  void after_a_refusal_a_consumer_asks_until_it_is_let_in() {
    contact.refused();
    for (int time = 0; time < 2; time++) {
      assertThatThrownBy(() -> contact.take(settings))
          .isInstanceOf(SaslAuthenticationException.class);
    }
    letsIn = true;
    contact.giveBack(contact.take(settings), true);
    contact.giveBack(contact.take(settings), true);
    assertThat(calls).filteredOn("consumer"::equals).hasSize(3);
    assertThat(calls).filteredOn("consumer.close"::equals).hasSize(3);
    assertThat(calls).filteredOn("admin"::equals).hasSize(2);
  }

  /** Clients that note what is done to them, and nothing more. */
  private final class Recorded implements KafkaClients {

    @Override
    public Admin admin(Map<String, Object> of) {
      return client("admin", Admin.class);
    }

    @Override
    @SuppressWarnings("unchecked")
    public Consumer<byte[], byte[]> consumer(Map<String, Object> of) {
      return client("consumer", Consumer.class);
    }

    @Override
    public Producer<byte[], byte[]> producer(Map<String, Object> of) {
      throw new AssertionError("no producer is needed");
    }

    private <T> T client(String name, Class<T> type) {
      calls.add(name);
      InvocationHandler handler =
          (proxy, method, arguments) -> {
            switch (method.getName()) {
              case "close" -> calls.add(name + ".close");
              case "listTopics" -> {
                if (!letsIn) {
                  throw new SaslAuthenticationException("on purpose");
                }
                return Map.of();
              }
              default -> {
                return switch (method.getName()) {
                  case "equals" -> proxy == arguments[0];
                  case "hashCode" -> System.identityHashCode(proxy);
                  default -> name;
                };
              }
            }
            return null;
          };
      return type.cast(
          Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }
  }
}
