package dev.pgeventstore.examples.desk;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.codec.EventType;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;

// tag::events[]
/** What happens to a ticket. Each ticket is a stream. */
sealed interface TicketEvent {

  @EventType(name = "ticket-opened", revision = 2)
  record Opened(String customer, String question, String channel) implements TicketEvent {}

  @EventType(name = "ticket-answered")
  record Answered(String agent, String text) implements TicketEvent {}

  @EventType(name = "ticket-closed")
  record Closed() implements TicketEvent {}

  /** Revision 1 of an opened ticket had no channel: all tickets came by mail. */
  static EventCodec codec() {
    return JacksonCodec.builder(EventTypes.of(TicketEvent.class))
        .upcast("ticket-opened", 1, json -> json.put("channel", "mail"))
        .build();
  }
}
// end::events[]
