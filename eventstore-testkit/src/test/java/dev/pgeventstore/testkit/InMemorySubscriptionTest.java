package dev.pgeventstore.testkit;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.testkit.contracts.SubscriptionContract;

class InMemorySubscriptionTest extends SubscriptionContract {

  @Override
  protected EventStore newStore(EventCodec codec) {
    return InMemoryEventStore.of(codec);
  }
}
