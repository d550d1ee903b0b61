package dev.pgeventstore.examples.desk;

import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.codec.SnapshotCodec;
import dev.pgeventstore.codec.jackson.JacksonSnapshots;
import dev.pgeventstore.examples.desk.TicketEvent.Answered;
import dev.pgeventstore.examples.desk.TicketEvent.Closed;
import dev.pgeventstore.examples.desk.TicketEvent.Opened;
import java.util.List;

// tag::state[]
/** The state of a ticket, computed from its events, and the rules for new events. */
record Ticket(boolean opened, boolean closed, int answers) {

  static final Evolution<Ticket, TicketEvent> EVOLUTION =
      Evolution.of(new Ticket(false, false, 0), Ticket::after);

  /** Raise the revision when the same events lead to another state, or the state has new parts. */
  static final SnapshotCodec<Ticket> SNAPSHOTS = JacksonSnapshots.of(Ticket.class, "ticket", 1);

  Ticket after(TicketEvent event) {
    if (event instanceof Opened) {
      return new Ticket(true, closed, answers);
    }
    if (event instanceof Answered) {
      return new Ticket(opened, closed, answers + 1);
    }
    return new Ticket(opened, true, answers);
  }

  List<TicketEvent> open(String customer, String question, String channel) {
    return opened ? List.of() : List.of(new Opened(customer, question, channel));
  }

  List<TicketEvent> answer(String agent, String text) {
    if (!opened || closed) {
      throw new IllegalStateException("the ticket is not open");
    }
    return List.of(new Answered(agent, text));
  }

  /** Closing a closed ticket changes nothing. */
  List<TicketEvent> close() {
    return closed ? List.of() : List.of(new Closed());
  }
}
// end::state[]
