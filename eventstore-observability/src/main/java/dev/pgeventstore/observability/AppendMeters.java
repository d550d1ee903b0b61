package dev.pgeventstore.observability;

import dev.pgeventstore.StoreListener.Batch;
import dev.pgeventstore.StoreListener.Committed;
import dev.pgeventstore.StoreListener.Conflicted;
import dev.pgeventstore.StoreListener.Failed;
import dev.pgeventstore.StoreListener.OfAppend;
import dev.pgeventstore.StoreListener.Written;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Timer;

/** The meters of appends in one registry. */
final class AppendMeters {

  private final RegisteredMeters registered;
  private final Timer committed;
  private final Timer replayed;
  private final Timer written;
  private final Timer conflicted;
  private final Timer failed;
  private final Timer unknown;
  private final Timer waited;
  private final Counter eventsCommitted;
  private final Counter eventsWritten;
  private final Timer batch;
  private final DistributionSummary batchAppends;
  private final DistributionSummary batchEvents;

  AppendMeters(RegisteredMeters registered) {
    this.registered = registered;
    this.committed = appends("committed");
    this.replayed = appends("replayed");
    this.written = appends("written");
    this.conflicted = appends("conflicted");
    this.failed = appends("failed");
    this.unknown = appends("unknown");
    this.waited =
        registered.timer("eventstore.append.wait", "The part of an append until it was sent");
    this.eventsCommitted = events("committed");
    this.eventsWritten = events("written");
    this.batch =
        registered.timer(
            "eventstore.append.batch", "Appends that were sent together, in one transaction");
    this.batchAppends =
        registered.summary("eventstore.append.batch.appends", "How many appends went together");
    this.batchEvents =
        registered.summary("eventstore.append.batch.events", "How many events went together");
  }

  private Timer appends(String outcome) {
    return registered.histogram(
        "eventstore.append", "Appends, from the call to the outcome", "outcome", outcome);
  }

  private Counter events(String outcome) {
    return registered.counter("eventstore.append.events", "Events of appends", "outcome", outcome);
  }

  void committed(Committed append) {
    if (append.result().replayed()) {
      ended(append, replayed);
    } else {
      ended(append, committed);
      eventsCommitted.increment(append.events());
    }
  }

  void written(Written append) {
    ended(append, written);
    if (!append.result().replayed()) {
      eventsWritten.increment(append.events());
    }
  }

  void conflicted(Conflicted append) {
    ended(append, conflicted);
  }

  void failed(Failed append) {
    ended(append, append.isOutcomeUnknown() ? unknown : failed);
  }

  private void ended(OfAppend append, Timer outcome) {
    outcome.record(append.took());
    waited.record(append.waited());
  }

  void sent(Batch sent) {
    batch.record(sent.took());
    batchAppends.record(sent.appends());
    batchEvents.record(sent.events());
  }

  void remove() {
    registered.remove();
  }
}
