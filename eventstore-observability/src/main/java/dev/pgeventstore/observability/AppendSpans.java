package dev.pgeventstore.observability;

import dev.pgeventstore.Append;
import dev.pgeventstore.StreamId;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.Tracer;
import java.util.Map;

/** Begins spans of appends. Safe for many threads. */
final class AppendSpans {

  static final AttributeKey<String> CATEGORY = AttributeKey.stringKey("eventstore.category");
  static final AttributeKey<Long> STREAMS = AttributeKey.longKey("eventstore.streams");
  static final AttributeKey<Long> EVENTS = AttributeKey.longKey("eventstore.events");

  private final Tracer tracer;

  AppendSpans(Tracer tracer) {
    this.tracer = tracer;
  }

  AppendSpan begin(Append append) {
    Span span = tracer.spanBuilder("append").setSpanKind(SpanKind.CLIENT).startSpan();
    if (!span.isRecording()) {
      return new AppendSpan(span, append);
    }
    Map<StreamId, ? extends Iterable<?>> streams = append.events();
    // The first stream's category is what an append is about; ids of streams may name persons.
    span.setAttribute(CATEGORY, streams.keySet().iterator().next().category());
    span.setAttribute(STREAMS, (long) streams.size());
    span.setAttribute(
        EVENTS, append.events().values().stream().mapToLong(events -> events.size()).sum());
    return new AppendSpan(span, Traced.append(append, span));
  }
}
