package dev.pgeventstore.observability;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * A trace as metadata of events: always by the W3C's names, whatever propagators the application
 * has for its requests, because these are the names that the relay copies into headers.
 */
final class TraceContext {

  static final String TRACEPARENT = "traceparent";

  private static final W3CTraceContextPropagator W3C = W3CTraceContextPropagator.getInstance();

  private static final TextMapGetter<Map<String, String>> GETTER =
      (entries, name) -> entries == null ? null : entries.get(name);

  private TraceContext() {}

  /** The entries that name a span. */
  static Map<String, String> entries(Context context) {
    Map<String, String> entries = new HashMap<>(4);
    W3C.inject(context, entries, (to, name, value) -> Objects.requireNonNull(to).put(name, value));
    return entries;
  }

  /** The span that entries name; invalid if they name none. */
  static SpanContext span(Map<String, String> entries) {
    return Span.fromContext(W3C.extract(Context.root(), entries, GETTER)).getSpanContext();
  }
}
