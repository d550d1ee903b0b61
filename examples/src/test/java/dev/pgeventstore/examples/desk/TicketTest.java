package dev.pgeventstore.examples.desk;

import dev.pgeventstore.examples.desk.TicketEvent.Answered;
import dev.pgeventstore.examples.desk.TicketEvent.Closed;
import dev.pgeventstore.examples.desk.TicketEvent.Opened;
import dev.pgeventstore.testkit.EvolutionFixture;
import org.junit.jupiter.api.Test;

// tag::evolution[]
class TicketTest {

  private static final Opened OPENED = new Opened("ben", "How?", "phone");

  @Test
  void an_open_ticket_is_answered() {
    EvolutionFixture.of(Ticket.EVOLUTION)
        .given(OPENED)
        .when(ticket -> ticket.answer("agent-7", "Like this."))
        .then(new Answered("agent-7", "Like this."));
  }

  @Test
  void a_closed_ticket_is_not_answered() {
    EvolutionFixture.of(Ticket.EVOLUTION)
        .given(OPENED, new Closed())
        .when(ticket -> ticket.answer("agent-7", "Too late."))
        .thenThrows(IllegalStateException.class);
  }
}
// end::evolution[]
