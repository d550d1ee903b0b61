package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.postgres.internal.tables.AppendFunction.Answer;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Appends that are sent together, with the outcomes so far. One thread sends them. Another may take
 * the outcomes so far, and abandon that thread.
 */
final class SentBatch {

  final List<PendingAppend> appends;
  final Exchange exchange;
  final boolean dispatched;
  private final AtomicReferenceArray<Object> outcomes;

  /**
   * Creates a batch that the calling thread sends.
   *
   * @param dispatched whether the calling thread is the dispatcher
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

  /** The number of events in all appends. */
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

  /** Gives every append its outcome. Appends without one will be sent again. */
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

  /** Gives every append of an abandoned batch its outcome. Appends without one fail. */
  void settle(Throwable otherwise) {
    for (int i = 0; i < size(); i++) {
      if (outcomes.get(i) == null) {
        appends.get(i).failed(otherwise);
      }
    }
    settle();
  }
}
