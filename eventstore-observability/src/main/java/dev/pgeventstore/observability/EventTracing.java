package dev.pgeventstore.observability;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.projection.ProjectionDefinition;
import dev.pgeventstore.subscription.EventHandler;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Tracer;

/**
 * Spans of appends and of what is done with their events, and the thread between them: each event
 * of a sampled trace has {@code traceparent} in its metadata. Immutable; safe for many threads.
 *
 * <pre>{@code
 * EventTracing tracing = EventTracing.of(openTelemetry);
 * EventStore store =
 *     tracing.store(PostgresEventStore.builder(pool).codec(codec).build());
 * Subscription view =
 *     Subscriptions.of(store).create("balances").handler(tracing.handler(balances)).start();
 * }</pre>
 *
 * <p>An append has a span of kind {@code CLIENT}, a child of the current one. Each call of a
 * handler has one of kind {@code CONSUMER} that begins a trace of its own, with a link to the span
 * of each append whose events it is given: a batch has the events of many requests, and handling
 * them again after a year is not a part of any.
 *
 * <p>If spans are not recorded, or a trace is not sampled, the append is passed on as it is: an
 * event is kept forever, and an id that no trace has is of no use.
 */
public final class EventTracing {

  static final String SCOPE = "dev.pgeventstore";

  private final Tracer tracer;
  private final boolean isParent;

  private EventTracing(Tracer tracer, boolean isParent) {
    this.tracer = tracer;
    this.isParent = isParent;
  }

  /**
   * Tracing with links.
   *
   * @param openTelemetry from which the tracer {@code dev.pgeventstore} is taken
   * @return what wraps stores and handlers
   */
  public static EventTracing of(OpenTelemetry openTelemetry) {
    return new EventTracing(openTelemetry.getTracer(SCOPE), false);
  }

  /**
   * The same, but the span of a handler continues the trace of the first event that it is given; it
   * has links to the other appends. For handlers whose batches are small and follow at once, so
   * that a request and its effects are one trace. A trace that is continued by a rebuild of a read
   * model grows long after it ended.
   *
   * @return a copy
   */
  public EventTracing continuingTraces() {
    return new EventTracing(tracer, true);
  }

  /**
   * A store whose appends have spans, and whose events and outbox messages carry the trace. An
   * event whose metadata has a {@code traceparent} keeps it, and so does a message with such a
   * header. Subscriptions, projections, snapshots, the outbox and relays work with it as with the
   * store itself; appends in a transaction of the caller ({@link EventStore#within}) have spans,
   * too. Reading has none.
   *
   * @param store any; closing the result closes it
   * @return the store with spans
   */
  public EventStore store(EventStore store) {
    return new TracedStore(store, new AppendSpans(tracer));
  }

  /**
   * A handler whose calls have spans.
   *
   * @param handler any
   * @return the handler with spans, whose span is current while it is called
   */
  public EventHandler handler(EventHandler handler) {
    HandlerSpans spans = new HandlerSpans(tracer, isParent);
    return batch -> spans.around(batch, () -> handler.handle(batch));
  }

  /**
   * A definition of a projection whose calls for events have spans.
   *
   * @param definition any
   * @return the definition with spans, whose span is current while it is called
   */
  public ProjectionDefinition definition(ProjectionDefinition definition) {
    return new TracedDefinition(definition, new HandlerSpans(tracer, isParent));
  }
}
