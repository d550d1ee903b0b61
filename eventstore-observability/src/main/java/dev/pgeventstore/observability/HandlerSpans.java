package dev.pgeventstore.observability;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.subscription.EventBatch;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A span around each call of a handler. Safe for many threads. */
final class HandlerSpans {

  static final AttributeKey<String> SUBSCRIPTION =
      AttributeKey.stringKey("eventstore.subscription");
  static final AttributeKey<Long> PARTITION = AttributeKey.longKey("eventstore.partition");
  static final AttributeKey<Long> ATTEMPT = AttributeKey.longKey("eventstore.attempt");
  static final AttributeKey<Boolean> REPLAY = AttributeKey.booleanKey("eventstore.replay");

  /** As many as the SDK keeps: no metadata is decoded for more. */
  private static final int MOST_LINKS = 128;

  private final Tracer tracer;
  private final boolean isParent;

  HandlerSpans(Tracer tracer, boolean isParent) {
    this.tracer = tracer;
    this.isParent = isParent;
  }

  @SuppressWarnings("try") // what is current is used by others
  void around(EventBatch batch, Handling handling) throws Exception {
    Span span = begin(batch);
    try (Scope unused = span.makeCurrent()) {
      handling.handle();
    } catch (Throwable e) {
      span.recordException(e);
      span.setStatus(StatusCode.ERROR);
      throw e;
    } finally {
      span.end();
    }
  }

  private Span begin(EventBatch batch) {
    SpanBuilder span =
        tracer
            .spanBuilder("handle " + batch.subscription())
            .setSpanKind(SpanKind.CONSUMER)
            .setAttribute(SUBSCRIPTION, batch.subscription())
            .setAttribute(PARTITION, (long) batch.partition())
            .setAttribute(AppendSpans.EVENTS, (long) batch.events().size())
            .setAttribute(ATTEMPT, (long) batch.attempt())
            .setAttribute(REPLAY, batch.isReplay());
    List<SpanContext> appends = appends(batch.events());
    if (isParent && !appends.isEmpty() && !Span.current().getSpanContext().isValid()) {
      span.setParent(Context.root().with(Span.wrap(appends.remove(0))));
    }
    appends.forEach(span::addLink);
    return span.startSpan();
  }

  /** The spans that events were appended in, each once, in the order of their first events. */
  private static List<SpanContext> appends(List<RecordedEvent> events) {
    List<SpanContext> appends = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (RecordedEvent event : events) {
      Map<String, String> metadata = metadata(event);
      String traceparent = metadata.get(TraceContext.TRACEPARENT);
      if (traceparent != null && seen.add(traceparent)) {
        SpanContext append = TraceContext.span(metadata);
        if (append.isValid()) {
          appends.add(append);
        }
        if (seen.size() == MOST_LINKS) {
          return appends;
        }
      }
    }
    return appends;
  }

  /** Metadata that another writer stored must not keep an event from being handled. */
  private static Map<String, String> metadata(RecordedEvent event) {
    try {
      return event.metadata().entries();
    } catch (EventStoreException e) {
      return Map.of();
    }
  }

  /** The call of a handler. */
  @FunctionalInterface
  interface Handling {

    void handle() throws Exception;
  }
}
