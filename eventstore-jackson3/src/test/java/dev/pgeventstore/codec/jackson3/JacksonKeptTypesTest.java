package dev.pgeventstore.codec.jackson3;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.SnapshotCodec;
import dev.pgeventstore.codec.contract.KeptTypesContract;
import tools.jackson.databind.JsonNode;

class JacksonKeptTypesTest extends KeptTypesContract {

  record Tree(JsonNode tree) {}

  @Override
  protected EventCodec codec(EventTypes types) {
    return JacksonCodec.of(types);
  }

  @Override
  protected EventCodec lenient(EventTypes types) {
    return JacksonCodec.builder(types).lenient().build();
  }

  @Override
  protected EventCodec trusting(EventTypes types, Class<?> trusted) {
    return JacksonCodec.builder(types).trust(trusted).build();
  }

  @Override
  protected <S> SnapshotCodec<S> snapshots(Class<S> stateClass) {
    return JacksonSnapshots.of(stateClass, "it", 1);
  }

  @Override
  protected <S> SnapshotCodec<S> lenientSnapshots(Class<S> stateClass) {
    return JacksonSnapshots.builder(stateClass, "it", 1).lenient().build();
  }

  @Override
  protected Class<?> treeHolder() {
    return Tree.class;
  }
}
