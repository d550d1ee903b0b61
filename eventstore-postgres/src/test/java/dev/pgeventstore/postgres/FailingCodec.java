package dev.pgeventstore.postgres;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.Metadata;

/** A codec that fails at events of the type {@code shipped}, with no exception of the store's. */
record FailingCodec(EventCodec codec) implements EventCodec {

  @Override
  public EncodedEvent encode(Object payload) {
    return codec.encode(payload);
  }

  @Override
  public Object decode(EncodedEvent event) {
    if (event.type().equals("shipped")) {
      throw new IllegalStateException("no schema for this type");
    }
    return codec.decode(event);
  }

  @Override
  public String typeName(Class<?> payloadClass) {
    return codec.typeName(payloadClass);
  }

  @Override
  public byte[] encodeMetadata(Metadata metadata) {
    return codec.encodeMetadata(metadata);
  }

  @Override
  public Metadata decodeMetadata(byte[] json) {
    return codec.decodeMetadata(json);
  }
}
