package dev.pgeventstore.testkit;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;

class InMemorySnapshotTest extends SnapshotContract {

  @Override
  protected EventStore newStore(EventCodec codec) {
    return InMemoryEventStore.of(codec);
  }
}
