package dev.pgeventstore.postgres.internal.append;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Append;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.encoding.EventEncoding;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Which appends go together, and in which order. */
class AppendQueueTest {

  private static final long NOW = 1_000;
  private static final long LATER = NOW + TimeUnit.SECONDS.toNanos(1);

  private final EventEncoder encoder =
      new EventEncoder(new EventEncoding(JacksonCodec.of(EventTypes.none()), 1 << 20));
  private final AppendQueue queue = new AppendQueue();

  private PendingAppend add(String... streams) {
    Append append = null;
    for (String stream : streams) {
      List<EncodedEvent> events = List.of(EncodedEvent.of("happened", 1, "{}"));
      append =
          append == null
              ? Append.to(StreamId.parse(stream), ExpectedVersion.any(), events)
              : append.and(StreamId.parse(stream), ExpectedVersion.any(), events);
    }
    return add(append);
  }

  private PendingAppend add(Append append) {
    PendingAppend pending =
        PendingAppend.withFuture(append, encoder.encode(append), null, Scheduler.threads());
    queue.add(pending);
    return pending;
  }

  private static Append withId(String stream, UUID id) {
    NewEvent event = NewEvent.of(EncodedEvent.of("happened", 1, "{}")).withId(id);
    return Append.to(StreamId.parse(stream), ExpectedVersion.any(), List.of(event));
  }

  @Test
  void waiting_appends_are_sent_together_in_the_order_of_their_arrival() {
    PendingAppend first = add("order-1");
    PendingAppend second = add("order-2", "order-3");
    PendingAppend third = add("order-1");

    assertThat(queue.take(NOW)).containsExactly(first, second, third);
    assertThat(queue.isEmpty()).isTrue();
  }

  @Test
  void an_append_with_messages_is_sent_alone_and_is_not_overtaken_on_its_streams() {
    PendingAppend first = add("order-1");
    PendingAppend telling =
        add(
            withId("order-2", UUID.randomUUID())
                .message(OutboxMessage.to("relay", "topic").key("1")));
    PendingAppend behind = add("order-2");
    PendingAppend free = add("order-3");

    assertThat(queue.take(NOW)).containsExactly(first, free);
    assertThat(queue.take(NOW)).containsExactly(telling);
    assertThat(queue.take(NOW)).containsExactly(behind);
  }

  @Test
  void a_postponed_append_is_overtaken_except_on_its_streams() {
    PendingAppend busy = add("order-1", "order-2");
    queue.take(NOW);
    PendingAppend behind = add("order-2", "order-3");
    PendingAppend behindThat = add("order-3");
    PendingAppend free = add("order-4");
    queue.putOff(List.of(busy), NOW);

    assertThat(queue.take(NOW)).containsExactly(free);
    assertThat(queue.nanosUntilDue(NOW)).isEqualTo(TimeUnit.MILLISECONDS.toNanos(1));
    assertThat(queue.take(LATER)).containsExactly(busy, behind, behindThat);
  }

  @Test
  void an_append_that_is_postponed_again_waits_longer_up_to_a_limit() {
    PendingAppend busy = add("order-1");
    for (int tries = 0; tries < 20; tries++) {
      assertThat(queue.take(LATER * (tries + 1))).containsExactly(busy);
      queue.putOff(List.of(busy), LATER * (tries + 1));
    }

    assertThat(queue.nanosUntilDue(LATER * 20)).isEqualTo(TimeUnit.MILLISECONDS.toNanos(50));
  }

  @Test
  void postponed_appends_keep_their_order() {
    PendingAppend first = add("order-1");
    PendingAppend second = add("order-1");
    List<PendingAppend> both = queue.take(NOW);
    PendingAppend third = add("order-1");
    queue.putOff(both, NOW);

    assertThat(queue.take(LATER)).containsExactly(first, second, third);
  }

  @Test
  void a_retry_is_not_sent_together_with_its_first_attempt() {
    UUID id = UUID.randomUUID();
    PendingAppend first = add(withId("order-1", id));
    PendingAppend retry = add(withId("order-1", id));
    PendingAppend behind = add("order-1");
    PendingAppend other = add(withId("order-2", UUID.randomUUID()));

    assertThat(queue.take(NOW)).containsExactly(first, other);
    assertThat(queue.take(NOW)).containsExactly(retry, behind);
  }

  @Test
  void a_batch_is_bounded_in_events_and_bytes_but_takes_one_append_of_any_size() {
    EncodedEvent large = EncodedEvent.of("happened", 1, '"' + "x".repeat(700_000) + '"');
    Append some =
        Append.to(StreamId.parse("order-1"), ExpectedVersion.any(), Collections.nCopies(3, large));
    PendingAppend first = add(some);
    PendingAppend second = add("order-2");

    assertThat(queue.take(NOW)).containsExactly(first);
    assertThat(queue.take(NOW)).containsExactly(second);
  }

  @Test
  void there_is_room_until_ten_thousand_wait_and_again_when_some_are_gone() {
    while (queue.hasRoom()) {
      add("order-1");
    }

    assertThat(queue.size()).isEqualTo(10_000);
    assertThat(queue.take(NOW)).isNotEmpty();
    assertThat(queue.hasRoom()).isTrue();
  }

  @Test
  void an_abandoned_append_is_removed_unless_it_is_being_sent() {
    PendingAppend first = add("order-1");
    PendingAppend second = add("order-2");

    assertThat(queue.remove(first)).isTrue();
    assertThat(queue.take(NOW)).containsExactly(second);
    assertThat(queue.remove(second)).isFalse();
  }

  @Test
  void a_retry_is_not_sent_together_with_a_first_attempt_that_looks_up_no_ids() {
    Append generated =
        Append.to(
            StreamId.parse("order-1"),
            ExpectedVersion.any(),
            List.of(EncodedEvent.of("happened", 1, "{}")));
    PendingAppend first = add(generated);
    PendingAppend retry = add(generated);

    assertThat(queue.take(NOW)).containsExactly(first);
    assertThat(queue.take(NOW)).containsExactly(retry);
  }

  @Test
  void a_retry_is_not_sent_together_with_a_first_attempt_that_expects_a_version() {
    UUID id = UUID.randomUUID();
    NewEvent event = NewEvent.of(EncodedEvent.of("happened", 1, "{}")).withId(id);
    PendingAppend first =
        add(Append.to(StreamId.parse("order-1"), ExpectedVersion.noStream(), List.of(event)));
    PendingAppend other = add("order-2");
    PendingAppend retry = add(withId("order-1", id));

    assertThat(queue.take(NOW)).containsExactly(first, other);
    assertThat(queue.take(NOW)).containsExactly(retry);
  }

  /** They may have been handed over in either order. */
  @Test
  void a_first_attempt_that_is_sent_after_its_retry_looks_up_its_ids() {
    Append append =
        Append.to(
            StreamId.parse("order-1"),
            ExpectedVersion.any(),
            List.of(EncodedEvent.of("happened", 1, "{}")));
    AppendRequest first = encoder.encode(append);
    assertThat(first.looksForIds()).isFalse();
    AppendRequest retry = encoder.encode(append);

    assertThat(retry.looksForIds()).isTrue();
    assertThat(first.looksForIds()).isTrue();
  }
}
