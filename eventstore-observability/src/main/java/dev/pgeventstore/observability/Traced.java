package dev.pgeventstore.observability;

import dev.pgeventstore.Append;
import dev.pgeventstore.Condition;
import dev.pgeventstore.Condition.StreamVersion;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.StreamId;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Context;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An append whose events and messages name the span that they came about in. */
final class Traced {

  private final Map<String, String> entries;
  private final Metadata alone;

  private Traced(Map<String, String> entries) {
    this.entries = entries;
    this.alone = Metadata.of(entries);
  }

  /**
   * The same append, with the ids of its events: sent again, each copy is recognised as a retry. An
   * append that is not sampled, or has a condition that cannot be copied, is returned as it is.
   */
  static Append append(Append append, Span span) {
    boolean isCopied =
        span.getSpanContext().isSampled()
            && append.conditions().stream().allMatch(StreamVersion.class::isInstance);
    if (!isCopied) {
      return append;
    }
    return new Traced(TraceContext.entries(Context.root().with(span))).copy(append);
  }

  /** Conditions have the order in which streams were added, and the first one is written to. */
  private Append copy(Append append) {
    Append copy = null;
    for (Condition condition : append.conditions()) {
      StreamVersion version = (StreamVersion) condition;
      List<NewEvent> events = append.events().get(version.stream());
      copy = add(copy, version.stream(), version.expected(), events);
    }
    if (copy == null) {
      return append;
    }
    List<OutboxMessage> messages = append.messages();
    return messages.isEmpty() ? copy : copy.messages(messages.stream().map(this::message).toList());
  }

  private Append add(
      @Nullable Append to,
      StreamId stream,
      ExpectedVersion expected,
      @Nullable List<NewEvent> events) {
    if (to == null) {
      return Append.to(stream, expected, events == null ? List.of() : traced(events));
    }
    return events == null ? to.check(stream, expected) : to.and(stream, expected, traced(events));
  }

  private List<NewEvent> traced(List<NewEvent> events) {
    List<NewEvent> traced = new ArrayList<>(events.size());
    for (NewEvent event : events) {
      traced.add(event(event));
    }
    return traced;
  }

  private NewEvent event(NewEvent event) {
    Map<String, String> present = event.metadata().entries();
    if (present.isEmpty()) {
      return event.withMetadata(alone);
    }
    if (present.containsKey(TraceContext.TRACEPARENT)) {
      return event;
    }
    Metadata metadata = event.metadata();
    for (Map.Entry<String, String> entry : entries.entrySet()) {
      metadata = metadata.with(entry.getKey(), entry.getValue());
    }
    return event.withMetadata(metadata);
  }

  private OutboxMessage message(OutboxMessage message) {
    if (message.headers().containsKey(TraceContext.TRACEPARENT)) {
      return message;
    }
    OutboxMessage traced = message;
    for (Map.Entry<String, String> entry : entries.entrySet()) {
      traced = traced.header(entry.getKey(), entry.getValue());
    }
    return traced;
  }
}
