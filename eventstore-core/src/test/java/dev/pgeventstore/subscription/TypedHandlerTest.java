package dev.pgeventstore.subscription;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventType;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.FlatCodec;
import dev.pgeventstore.spi.StoredEvent;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class TypedHandlerTest {

  private sealed interface Order permits Placed, Shipped, Lost {}

  @EventType(name = "placed", revision = 1)
  private record Placed(int amount) implements Order {}

  @EventType(name = "shipped", revision = 1)
  private record Shipped(String to) implements Order {}

  @EventType(name = "lost", revision = 1)
  private record Lost() implements Order {}

  private static final Object ERASED = "erased";
  private static final StreamId STREAM = StreamId.of("order", "1");
  private static final FlatCodec CODEC = FlatCodec.of(EventTypes.of(Order.class));

  private final List<String> handled = new ArrayList<>();
  private final Connection connection =
      (Connection)
          Proxy.newProxyInstance(
              getClass().getClassLoader(),
              new Class<?>[] {Connection.class},
              (proxy, method, arguments) -> {
                throw new UnsupportedOperationException(method.toString());
              });

  private static RecordedEvent event(long position, EncodedEvent content) {
    return StoredEvent.of(
        Position.of(position),
        STREAM,
        position,
        UUID.randomUUID(),
        content,
        null,
        Instant.EPOCH,
        CODEC);
  }

  private EventBatch batch(Object... payloads) {
    List<RecordedEvent> events = new ArrayList<>();
    for (Object payload : payloads) {
      EncodedEvent content =
          payload == ERASED
              ? EncodedEvent.of(RecordedEvent.ERASED_TYPE, 1, "{}".getBytes(UTF_8))
              : CODEC.encode(NewEvent.of(payload), STREAM);
      events.add(event(events.size() + 1, content));
    }
    return new Batch(List.copyOf(events), connection);
  }

  private record Batch(List<RecordedEvent> events, Connection connection) implements EventBatch {

    @Override
    public String subscription() {
      return "view";
    }

    @Override
    public int partition() {
      return 2;
    }

    @Override
    public int attempt() {
      return 1;
    }

    @Override
    public boolean isReplay() {
      return false;
    }

    @Override
    public boolean isStopping() {
      return false;
    }
  }

  @Test
  void each_event_is_passed_to_the_handler_of_its_class_in_order_and_others_are_skipped()
      throws Exception {
    EventHandler handler =
        EventHandler.on(Shipped.class, (shipped, context) -> handled.add("to " + shipped.to()))
            .on(Placed.class, (placed, context) -> handled.add("of " + placed.amount()));

    handler.handle(batch(new Placed(3), new Lost(), new Shipped("here"), new Placed(4)));

    assertThat(handled).containsExactly("of 3", "to here", "of 4");
  }

  @Test
  void erased_events_are_skipped_unless_they_are_requested() throws Exception {
    TypedHandler handler =
        EventHandler.on(Order.class, (order, context) -> handled.add(order.toString()));

    handler.handle(batch(ERASED, new Lost()));
    assertThat(handled).containsExactly("Lost[]");

    handler
        .onErased(context -> handled.add("erased at " + context.event().position()))
        .handle(batch(ERASED, new Lost()));
    assertThat(handled).containsExactly("Lost[]", "erased at 1", "Lost[]");
  }

  @Test
  void the_first_matching_class_counts_and_an_unreachable_one_is_refused() throws Exception {
    TypedHandler handler =
        EventHandler.on(Placed.class, (placed, context) -> handled.add("placed"))
            .on(Order.class, (order, context) -> handled.add("another"));

    handler.handle(batch(new Placed(1), new Lost()));

    assertThat(handled).containsExactly("placed", "another");
    assertThatThrownBy(() -> handler.on(Shipped.class, (shipped, context) -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(Shipped.class.getName())
        .hasMessageContaining(Order.class.getName());
  }

  @Test
  void a_handler_gets_the_context_of_its_event() throws Exception {
    EventBatch batch = batch(new Placed(1), new Placed(2));

    EventHandler.on(
            Placed.class,
            (placed, context) -> {
              assertThat(context.batch()).isSameAs(batch);
              assertThat(context.connection()).isSameAs(connection);
              handled.add(context.event().position() + " " + context);
            })
        .handle(batch);

    assertThat(handled).hasSize(2).allMatch(text -> text.endsWith("for view"));
    assertThat(handled.get(1)).startsWith("2 ");
  }

  @Test
  void an_exception_of_a_part_ends_the_batch_unchanged() {
    EventHandler handler =
        EventHandler.on(
            Placed.class,
            (placed, context) -> {
              handled.add("placed");
              throw new IOException("no ink");
            });

    assertThatThrownBy(() -> handler.handle(batch(new Placed(1), new Placed(2))))
        .isInstanceOf(IOException.class);
    assertThat(handled).containsExactly("placed");
  }

  @Test
  void one_at_a_time_means_all_of_them_in_order() throws Exception {
    EventHandler.each((event, batch) -> handled.add(event.position() + " in " + batch.partition()))
        .handle(batch(new Lost(), ERASED));

    assertThat(handled).containsExactly("1 in 2", "2 in 2");
  }
}
