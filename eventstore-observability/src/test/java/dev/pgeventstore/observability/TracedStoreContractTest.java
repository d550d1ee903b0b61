package dev.pgeventstore.observability;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.testkit.InMemoryEventStore;
import dev.pgeventstore.testkit.contracts.EventStoreContract;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import java.util.Map;
import java.util.TreeMap;

/** A store with spans is a store like any other. */
class TracedStoreContractTest extends EventStoreContract {

  private static final EventTracing TRACING =
      EventTracing.of(
          OpenTelemetrySdk.builder()
              .setTracerProvider(
                  // Without a processor the SDK makes no spans.
                  SdkTracerProvider.builder()
                      .addSpanProcessor(SimpleSpanProcessor.create(InMemorySpanExporter.create()))
                      .build())
              .build());

  @Override
  protected EventStore newStore(EventCodec codec) {
    return TRACING.store(InMemoryEventStore.of(new Forgetful(codec)));
  }

  /** The contract compares metadata: the traces are left out when it is stored. */
  private record Forgetful(EventCodec codec) implements EventCodec {

    @Override
    public EncodedEvent encode(NewEvent event, StreamId stream) {
      return codec.encode(event, stream);
    }

    @Override
    public Object decode(RecordedEvent event) {
      return codec.decode(event);
    }

    @Override
    public String typeName(Class<?> payloadClass) {
      return codec.typeName(payloadClass);
    }

    @Override
    public byte[] encodeMetadata(Metadata metadata) {
      Map<String, String> others = new TreeMap<>(metadata.entries());
      others.remove("traceparent");
      return codec.encodeMetadata(Metadata.of(others));
    }

    @Override
    public Metadata decodeMetadata(byte[] json) {
      return codec.decodeMetadata(json);
    }
  }
}
