package dev.pgeventstore.testkit;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.testkit.contracts.ListenerContract;

class InMemoryListenerTest extends ListenerContract {

  @Override
  protected EventStore newStore(EventCodec codec, StoreListener listener) {
    return InMemoryEventStore.builder(codec).listener(listener).build();
  }
}
