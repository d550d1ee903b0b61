package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.postgres.internal.tables.AppendFunction.Answer;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Appends that were taken to be sent together, and the outcome of each so far. One thread sends
 * them; another may take the outcomes so far and abandon that thread.
 */
final class SentBatch {

  final List<PendingAppend> appends;
  final Exchange exchange;
  final boolean dispatched;
  private final AtomicReferenceArray<Object> outcomes;

  /**
   * One that the calling thread sends.
   *
   * @param dispatched whether that is the group's own
   */
  SentBatch(List<PendingAppend> appends, Exchange exchange, boolean dispatched) {
    this.appends = appends;
    this.exchange = exchange;
    this.dispatched = dispatched;
    this.outcomes = new AtomicReferenceArray<>(appends.size());
  }

  int size() {
    return appends.size();
  }

  /** How many events are in all of them. */
  int events() {
    return appends.stream().mapToInt(append -> append.request().events()).sum();
  }

  AppendRequest request(int index) {
    return appends.get(index).request();
  }

  List<AppendRequest> requests() {
    return appends.stream().map(PendingAppend::request).toList();
  }

  void answered(int index, Answer answer) {
    outcomes.set(index, answer);
  }

  void failed(int index, Throwable failure) {
    outcomes.set(index, failure);
  }

  void allFailed(Throwable failure) {
    for (int i = 0; i < size(); i++) {
      failed(i, failure);
    }
  }

  /** Gives every append its outcome; those without one are to be sent again. */
  void settle() {
    for (int i = 0; i < size(); i++) {
      Object outcome = outcomes.get(i);
      if (outcome instanceof Answer answer) {
        appends.get(i).answered(answer);
      } else if (outcome instanceof Throwable failure) {
        appends.get(i).failed(failure);
      }
    }
  }

  /** The same, for a batch that is waited for no more: those without an outcome fail. */
  void settle(Throwable otherwise) {
    for (int i = 0; i < size(); i++) {
      if (outcomes.get(i) == null) {
        appends.get(i).failed(otherwise);
      }
    }
    settle();
  }
}
