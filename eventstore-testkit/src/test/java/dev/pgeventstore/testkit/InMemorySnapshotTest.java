package dev.pgeventstore.testkit;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.testkit.contracts.SnapshotContract;

class InMemorySnapshotTest extends SnapshotContract {

  @Override
  protected EventStore newStore(EventCodec codec) {
    return InMemoryEventStore.of(codec);
  }
}
