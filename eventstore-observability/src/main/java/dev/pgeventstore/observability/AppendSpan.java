package dev.pgeventstore.observability;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.OutcomeUnknownException;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.context.Scope;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The span of one append, and the append as it is to be sent. */
final class AppendSpan {

  static final AttributeKey<String> OUTCOME = AttributeKey.stringKey("eventstore.outcome");
  static final AttributeKey<Long> POSITION = AttributeKey.longKey("eventstore.position");

  private final Span span;
  private final Append append;

  AppendSpan(Span span, Append append) {
    this.span = span;
    this.append = append;
  }

  Append append() {
    return append;
  }

  /** Sends the append in this thread: spans of the driver are children of this one. */
  @SuppressWarnings("try") // what is current is used by others
  AppendResult send(Function<Append, AppendResult> sending, String success) {
    try (Scope unused = span.makeCurrent()) {
      AppendResult result = sending.apply(append);
      ended(result, success);
      return result;
    } catch (RuntimeException | Error e) {
      failed(e);
      throw e;
    }
  }

  /** The end of an append that another thread completes. */
  void completed(@Nullable AppendResult result, @Nullable Throwable error) {
    if (result != null) {
      ended(result, "committed");
    } else if (error != null) {
      failed(error);
    }
  }

  private void ended(AppendResult result, String success) {
    span.setAttribute(OUTCOME, result.replayed() ? "replayed" : success);
    span.setAttribute(POSITION, result.position().value());
    span.end();
  }

  /** A conflict is how the store says that another writer was faster: it is not an error. */
  void failed(Throwable error) {
    if (error instanceof ConflictException) {
      span.setAttribute(OUTCOME, "conflicted");
    } else {
      span.setAttribute(OUTCOME, error instanceof OutcomeUnknownException ? "unknown" : "failed");
      span.recordException(error);
      span.setStatus(StatusCode.ERROR);
    }
    span.end();
  }
}
