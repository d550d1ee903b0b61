package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.RecordedEvent;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class EventRouterTest {

  private final List<Object> seen = new ArrayList<>();

  @Test
  void each_record_goes_to_the_handler_for_its_type() throws Exception {
    EventRouter router =
        EventRouter.builder(Records.CODEC)
            .on(Records.OrderPlaced.class, (placed, context) -> seen.add(placed))
            .onErased(context -> seen.add("erased"))
            .on("Noted", context -> seen.add(context.record().place()))
            .build();

    router.handle(
        batch(record(1, "OrderPlaced"), record(2, RecordedEvent.ERASED_TYPE), record(3, "Noted")));

    assertThat(seen).containsExactly(new Records.OrderPlaced("c"), "erased", Place.of(3, 0));
  }

  @Test
  void what_nobody_asked_for_is_passed_over_and_not_decoded() throws Exception {
    EventRouter router =
        EventRouter.builder(Records.CODEC)
            .on(Records.OrderPlaced.class, (placed, context) -> seen.add(placed))
            .build();

    router.handle(
        batch(record(1, "Unheard"), Records.message(Place.of(2, 0), Place.of(1, 0)).decoded()));

    assertThat(seen).isEmpty();
  }

  @Test
  void what_nobody_asked_for_fails_if_it_is_to() {
    EventRouter router =
        EventRouter.builder(Records.CODEC).otherwise(EventRouter.failing()).build();

    assertThatThrownBy(() -> router.handle(batch(record(1, "Unheard"))))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("Unheard");
  }

  @Test
  void a_class_without_a_name_and_a_second_handler_are_refused_at_once() {
    EventRouter.Builder builder =
        EventRouter.builder(Records.CODEC).on(Records.OrderPlaced.class, (placed, context) -> {});

    assertThatThrownBy(() -> builder.on(String.class, (text, context) -> {}))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> builder.on("OrderPlaced", context -> {}))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static RelayedRecord record(long position, String type) {
    return Records.event(Place.of(position, 0), Place.of(position - 1, 0))
        .header("ce_type", type)
        .decoded();
  }

  /** Of which the router asks for the records only. */
  private static RelayedBatch batch(RelayedRecord... records) {
    return (RelayedBatch)
        Proxy.newProxyInstance(
            EventRouterTest.class.getClassLoader(),
            new Class<?>[] {RelayedBatch.class},
            (proxy, method, arguments) ->
                switch (method.getName()) {
                  case "records" -> List.of(records);
                  case "iterator" -> List.of(records).iterator();
                  default -> null;
                });
  }
}
