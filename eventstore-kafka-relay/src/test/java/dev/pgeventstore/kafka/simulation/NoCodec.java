package dev.pgeventstore.kafka.simulation;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;

/** Nothing looks into the events. */
final class NoCodec implements EventCodec {

  private static UnsupportedOperationException none() {
    return new UnsupportedOperationException("simulated events have no content");
  }

  @Override
  public EncodedEvent encode(NewEvent event, StreamId stream) {
    throw none();
  }

  @Override
  public Object decode(RecordedEvent event) {
    throw none();
  }

  @Override
  public String typeName(Class<?> payloadClass) {
    throw none();
  }

  @Override
  public byte[] encodeMetadata(Metadata metadata) {
    throw none();
  }

  @Override
  public Metadata decodeMetadata(byte[] json) {
    throw none();
  }
}
