package dev.pgeventstore.examples.flaky;

import dev.pgeventstore.codec.EventType;

/** What happens to an invoice. Each invoice is a stream. */
sealed interface InvoiceEvent {

  @EventType(name = "invoice-issued")
  record Issued(String country, long cents) implements InvoiceEvent {}

  @EventType(name = "invoice-corrected")
  record Corrected(String country, long cents) implements InvoiceEvent {}
}
