package dev.pgeventstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.codec.FlatCodec;
import dev.pgeventstore.spi.StoredEvent;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class EventQueryTest {

  private static final List<RecordedEvent> EVENTS =
      List.of(
          event("order-1", "placed"),
          event("order-12", "shipped"),
          event("orders-1", "placed"),
          event("account-1", "opened"));

  private static RecordedEvent event(String stream, String type) {
    return StoredEvent.of(
        Position.of(1),
        StreamId.parse(stream),
        1,
        UUID.randomUUID(),
        EncodedEvent.of(type, 1, "{}"),
        null,
        Instant.EPOCH,
        FlatCodec.none());
  }

  private static List<String> matched(EventQuery query) {
    return EVENTS.stream().filter(query::matches).map(e -> e.stream() + " " + e.type()).toList();
  }

  @Test
  void all_events_match_the_open_query() {
    assertThat(matched(EventQuery.all())).hasSize(4);
    assertThat(EventQuery.all().matchesAll()).isTrue();
    assertThat(EventQuery.all().types("x").or(EventQuery.all()).matchesAll()).isTrue();
    assertThat(EventQuery.all().types("x").matchesAll()).isFalse();
  }

  @Test
  void each_part_narrows_a_query() {
    assertThat(matched(EventQuery.all().categories("order")))
        .containsExactly("order-1 placed", "order-12 shipped");
    assertThat(matched(EventQuery.all().types("placed", "opened")))
        .containsExactly("order-1 placed", "orders-1 placed", "account-1 opened");
    assertThat(matched(EventQuery.all().streamPrefix("order")))
        .containsExactly("order-1 placed", "order-12 shipped", "orders-1 placed");
    assertThat(
            matched(EventQuery.all().categories("order").types("placed").streamPrefix("order-1")))
        .containsExactly("order-1 placed");
    assertThat(matched(EventQuery.all().types("Placed"))).isEmpty();
  }

  @Test
  void an_alternative_widens_a_query() {
    EventQuery either = EventQuery.all().categories("order").or(EventQuery.all().types("opened"));
    assertThat(matched(either))
        .containsExactly("order-1 placed", "order-12 shipped", "account-1 opened");
    assertThat(either.alternatives()).hasSize(2);
    assertThat(matched(either.streamPrefix("order-12"))).containsExactly("order-12 shipped");
  }

  @Test
  void queries_of_the_same_parts_are_equal() {
    assertThat(EventQuery.all().categories("a", "b", "a"))
        .isEqualTo(EventQuery.all().categories("b", "a"))
        .hasSameHashCodeAs(EventQuery.all().categories("b", "a"))
        .isNotEqualTo(EventQuery.all().types("a", "b"));
  }

  @Test
  void the_canonical_text_does_not_depend_on_the_order_of_alternatives_and_names() {
    EventQuery orders = EventQuery.all().categories("order", "basket").types("sent", "placed");
    EventQuery other = EventQuery.all().streamPrefix("customer-1");
    String text =
        "category in ('basket', 'order') and type in ('placed', 'sent')"
            + " or stream begins with 'customer-1'";
    assertThat(orders.or(other).canonicalText()).isEqualTo(text);
    assertThat(
            other
                .or(EventQuery.all().types("placed", "sent").categories("basket", "order"))
                .or(other)
                .canonicalText())
        .isEqualTo(text);
    assertThat(other.or(EventQuery.all()).canonicalText()).isEqualTo("all events");
    assertThat(EventQuery.all().canonicalText()).isEqualTo("all events");
  }

  @Test
  void no_name_gives_the_canonical_text_of_another_query() {
    assertThat(EventQuery.all().types("a', 'b").canonicalText())
        .isEqualTo("type in ('a'', ''b')")
        .isNotEqualTo(EventQuery.all().types("a", "b").canonicalText());
    assertThat(EventQuery.all().types("a') or type in ('b").canonicalText())
        .isNotEqualTo(EventQuery.all().types("a").or(EventQuery.all().types("b")).canonicalText());
  }

  @Test
  void an_empty_or_invalid_part_is_refused() {
    EventQuery all = EventQuery.all();
    assertThatThrownBy(all::categories).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(all::types).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> all.categories(" ")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> all.types("a", "")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> all.types("a\0")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> all.streamPrefix("")).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> all.categories("order-42"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'order-42'");
  }

  @Test
  void a_part_is_given_once_since_a_second_would_not_narrow() {
    assertThatThrownBy(() -> EventQuery.all().categories("a").categories("b"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("or()");
    assertThatThrownBy(() -> EventQuery.all().types("a").categories("a").types("b"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> EventQuery.all().streamPrefix("a").streamPrefix("ab"))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
