package dev.pgeventstore.testkit.contracts;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.exactly;
import static dev.pgeventstore.ExpectedVersion.noStream;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.spi.RecordedMessage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * What every {@link EventStore} with an outbox does with messages: JUnit tests for those who
 * implement one, to be extended like {@link EventStoreContract}.
 */
public abstract class MessageContract extends ContractFixture {

  private static final int LIMIT = 900 * 1024;

  private final String relay = "relay." + category;

  /** For subclasses. */
  protected MessageContract() {}

  /**
   * The messages that wait for a relay.
   *
   * @param store one that {@code newStore} returned
   * @param relay its name
   * @return all that are settled, in the order of positions
   */
  protected abstract List<RecordedMessage> messages(EventStore store, String relay);

  private List<RecordedMessage> messages() {
    return messages(store, relay);
  }

  private OutboxMessage message(String value) {
    return OutboxMessage.to(relay, "topic").key("1").value(value.getBytes(UTF_8));
  }

  private List<String> values() {
    return messages().stream()
        .map(m -> new String(m.message().value().orElseThrow(), UTF_8))
        .toList();
  }

  @Test
  void messages_are_written_with_the_events_and_come_after_them() {
    AppendResult first =
        store.append(
            Append.to(stream("1"), noStream(), deposits(2))
                .message(message("a"))
                .and(stream("2"), any(), deposits(3))
                .messages(List.of(message("b"), message("c"))));
    AppendResult second =
        store.append(Append.to(stream("1"), exactly(2), deposits(1)).message(message("d")));

    assertThat(values()).containsExactly("a", "b", "c", "d");
    List<Position> positions = messages().stream().map(RecordedMessage::position).toList();
    assertThat(positions).isSorted().doesNotHaveDuplicates();
    assertThat(appended()).hasSize(6);
    assertThat(appended().get(4).position()).isLessThan(positions.get(0));
    assertThat(appended().get(5).position())
        .isGreaterThan(positions.get(2))
        .isLessThan(positions.get(3));
    assertThat(first.position()).isEqualTo(positions.get(2));
    assertThat(second.position()).isEqualTo(positions.get(3));
    assertThat(first.versions())
        .containsOnly(Map.entry(stream("1"), 2L), Map.entry(stream("2"), 3L));
  }

  @Test
  void a_message_is_read_as_it_was_written() {
    UUID id = UUID.randomUUID();
    byte[] bytes = {0, -1, 127, -128, 10};
    OutboxMessage full =
        OutboxMessage.to(relay, "topic-1_2.x")
            .id(id)
            .key(bytes)
            .value(bytes)
            .header("z", "größe 😀")
            .header("a", bytes)
            .header("empty", "")
            .header("{odd, \"name\\ }", "null");
    OutboxMessage bare = OutboxMessage.to(relay, "topic");
    OutboxMessage empty = bare.id(UUID.randomUUID()).key(new byte[0]).value(new byte[0]);
    store.append(Append.to(stream("1"), any(), deposits(1)).messages(List.of(full, bare, empty)));

    List<OutboxMessage> read = messages().stream().map(RecordedMessage::message).toList();

    assertThat(read).hasSize(3);
    assertThat(read.get(0).id()).isEqualTo(id);
    assertThat(read.get(0).relay()).isEqualTo(relay);
    assertThat(read.get(0).topic()).isEqualTo("topic-1_2.x");
    assertThat(read.get(0).key().orElseThrow()).isEqualTo(bytes);
    assertThat(read.get(0).value().orElseThrow()).isEqualTo(bytes);
    assertThat(read.get(0).headers().keySet()).containsExactlyElementsOf(full.headers().keySet());
    full.headers().forEach((k, v) -> assertThat(read.get(0).headers().get(k)).isEqualTo(v));
    assertThat(read.get(1).id()).isEqualTo(bare.id());
    assertThat(read.get(1).key()).isEmpty();
    assertThat(read.get(1).value()).isEmpty();
    assertThat(read.get(1).headers()).isEmpty();
    assertThat(read.get(2).key().orElseThrow()).isEmpty();
    assertThat(read.get(2).value().orElseThrow()).isEmpty();
    assertThat(messages()).extracting(RecordedMessage::recordedAt).isSorted().doesNotContainNull();
  }

  @Test
  void a_conflict_writes_no_message() {
    append(stream("1"), deposited(1));
    Position before = store.highWaterMark();
    assertThatThrownBy(
            () ->
                store.append(Append.to(stream("1"), noStream(), deposits(1)).message(message("a"))))
        .isInstanceOf(ConflictException.class);
    assertThat(messages()).isEmpty();
    assertThat(store.highWaterMark()).isEqualTo(before);
  }

  @Test
  void of_many_appends_decided_on_the_same_version_only_the_successful_one_writes_its_messages() {
    List<Object> outcomes =
        race(
            RACERS,
            i ->
                Append.to(stream("1"), noStream(), List.of(deposited(i)))
                    .messages(List.of(message(i + "a"), message(i + "b"))));
    assertThat(results(outcomes)).hasSize(1);
    assertThat(values()).hasSize(2);
    assertThat(results(outcomes).get(0).position()).isEqualTo(messages().get(1).position());
  }

  @Test
  void a_retry_writes_no_message_again() {
    Append append =
        Append.to(stream("1"), any(), List.of(NewEvent.of(deposited(1)).withId(UUID.randomUUID())))
            .messages(List.of(message("a"), message("b")));
    AppendResult original = store.append(append);
    append(stream("2"), deposited(1));

    AppendResult retry = store.append(append);

    assertThat(retry.replayed()).isTrue();
    assertThat(retry.versions()).isEqualTo(original.versions());
    assertThat(retry.position())
        .as("a caller that waits for this position waits for the messages, too")
        .isGreaterThanOrEqualTo(original.position())
        .isLessThanOrEqualTo(store.highWaterMark());
    assertThat(values()).containsExactly("a", "b");
  }

  @Test
  void messages_can_be_published_without_events() {
    Position first = Outbox.of(store).publish(List.of(message("a"), message("b")));
    Position event = append(stream("1"), deposited(1)).position();
    Position second = Outbox.of(store).publish(List.of(message("c")));

    assertThat(values()).containsExactly("a", "b", "c");
    assertThat(messages().get(1).position()).isEqualTo(first);
    assertThat(messages().get(2).position()).isEqualTo(second);
    assertThat(List.of(first, event, second)).isSorted().doesNotHaveDuplicates();
    assertThat(store.highWaterMark()).isGreaterThanOrEqualTo(second);
    assertThat(appended()).hasSize(1);
    assertThat(messages(store, relay + ".other")).isEmpty();
  }

  @Test
  void asynchronous_appends_with_messages_keep_their_order() throws Exception {
    List<CompletableFuture<AppendResult>> answers = new ArrayList<>();
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      Append append = Append.to(stream("1"), exactly(i), List.of(deposited(i)));
      if (i % 3 > 0) {
        append = append.message(message("" + i));
        expected.add("" + i);
      }
      answers.add(store.appendAsync(append));
    }
    Position last = Position.START;
    for (CompletableFuture<AppendResult> answer : answers) {
      Position position = answer.get(1, TimeUnit.MINUTES).position();
      assertThat(position).isGreaterThan(last);
      last = position;
    }
    assertThat(values()).isEqualTo(expected);
  }

  @Test
  void a_message_over_the_size_limit_is_refused_and_one_below_is_not() {
    OutboxMessage base = OutboxMessage.to(relay, "topic").key("key").header("n", "vv");
    OutboxMessage fits = base.value(new byte[LIMIT - 6]);
    OutboxMessage tooLarge = base.value(new byte[LIMIT - 5]);
    Outbox.of(store).publish(List.of(fits));
    List<OutboxMessage> messages = List.of(message("a"), tooLarge);
    assertThatThrownBy(() -> Outbox.of(store).publish(messages))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("message 2 of 2")
        .hasMessageContaining("" + (LIMIT + 1));
    Append append = Append.to(stream("1"), any(), deposits(1)).messages(messages);
    assertThatThrownBy(() -> store.append(append))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("message 2 of 2");
    assertThatThrownBy(() -> store.appendAsync(append))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("message 2 of 2");
    assertThat(messages()).hasSize(1);
    assertThat(appended()).isEmpty();
  }

  @Test
  void invalid_messages_are_refused() {
    assertThatThrownBy(() -> Outbox.of(store).publish(List.of()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Outbox.of(store).publish(Arrays.asList(message("a"), null)))
        .isInstanceOf(NullPointerException.class);
    assertThatThrownBy(() -> message("a").header("a\0b", ""))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("NUL");
    assertThatThrownBy(() -> message("a").header("\ud800", ""))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> message("a").header("es_position", ""))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> OutboxMessage.to("", "topic"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> OutboxMessage.to(relay, "a topic"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(messages()).isEmpty();
  }
}
