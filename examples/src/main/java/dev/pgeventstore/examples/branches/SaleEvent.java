package dev.pgeventstore.examples.branches;

import dev.pgeventstore.codec.EventType;

/** What is sold at a till. Each till is a stream, and every branch has a {@code till-1}. */
sealed interface SaleEvent {

  @EventType(name = "article-sold")
  record Sold(long cents) implements SaleEvent {}
}
