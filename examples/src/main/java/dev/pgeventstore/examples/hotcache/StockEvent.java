package dev.pgeventstore.examples.hotcache;

import dev.pgeventstore.codec.EventType;

/** What happens to an item in a warehouse. Each item is a stream. */
sealed interface StockEvent {

  /** The change of the stock. */
  long change();

  @EventType(name = "stock-received")
  record Received(long quantity) implements StockEvent {
    @Override
    public long change() {
      return quantity;
    }
  }

  @EventType(name = "stock-taken")
  record Taken(long quantity) implements StockEvent {
    @Override
    public long change() {
      return -quantity;
    }
  }
}
