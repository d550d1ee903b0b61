package dev.pgeventstore.postgres;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;

/** A codec that fails at events of the type {@code shipped}, with no exception of the store's. */
record FailingCodec(EventCodec codec) implements EventCodec {

  @Override
  public EncodedEvent encode(NewEvent event, StreamId stream) {
    return codec.encode(event, stream);
  }

  @Override
  public Object decode(RecordedEvent event) {
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
