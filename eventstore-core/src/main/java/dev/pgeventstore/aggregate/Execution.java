package dev.pgeventstore.aggregate;

import dev.pgeventstore.AppendResult;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The result of a decision. Immutable.
 *
 * @param <S> the state
 */
public final class Execution<S> {

  private final Aggregate<S> after;
  private final @Nullable AppendResult appended;

  Execution(Aggregate<S> after, @Nullable AppendResult appended) {
    this.after = after;
    this.appended = appended;
  }

  /**
   * The state with the decided events applied.
   *
   * @return the state after the decision
   */
  public S state() {
    return after.state();
  }

  /**
   * The version of the stream after the decision.
   *
   * @return the version of its last event, 0 if there is none
   */
  public long version() {
    return after.version();
  }

  /**
   * The state with its stream and version.
   *
   * @return the aggregate after the decision
   */
  public Aggregate<S> aggregate() {
    return after;
  }

  /**
   * What was appended.
   *
   * @return empty if the decision was that nothing happens
   */
  public Optional<AppendResult> appended() {
    return Optional.ofNullable(appended);
  }

  @Override
  public String toString() {
    return "%s, %s".formatted(after, appended == null ? "nothing appended" : appended);
  }
}
