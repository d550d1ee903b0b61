package dev.pgeventstore.testkit;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.spi.RecordedMessage;
import dev.pgeventstore.testkit.contracts.MessageContract;
import java.util.List;

class InMemoryMessageTest extends MessageContract {

  @Override
  protected EventStore newStore(EventCodec codec) {
    return InMemoryEventStore.of(codec);
  }

  @Override
  protected List<RecordedMessage> messages(EventStore store, String relay) {
    return ((InMemoryEventStore) store).messages(relay);
  }
}
