package dev.pgeventstore.spring;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** An append that is sent just before the commit of its transaction. Safe for many threads. */
public final class DeferredAppend {

  private final Append append;
  private volatile @Nullable AppendResult sent;
  private volatile boolean committed;

  DeferredAppend(Append append) {
    this.append = append;
  }

  Append append() {
    return append;
  }

  void sent(AppendResult result) {
    sent = result;
  }

  void committed() {
    committed = true;
  }

  /**
   * The result, to wait with until a subscription has applied it.
   *
   * @return empty until the transaction is committed, and for good if it is rolled back
   */
  public Optional<AppendResult> result() {
    return committed ? Optional.ofNullable(sent) : Optional.empty();
  }

  @Override
  public String toString() {
    return "deferred " + append;
  }
}
