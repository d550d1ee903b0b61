package dev.pgeventstore.examples.loans;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.loans.LoanEvent.ApplicationDecided;
import dev.pgeventstore.examples.loans.LoanEvent.ApplicationSubmitted;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The sums that the events of one page add to the tables. A page may have events of many
 * applications, and only some events of an application.
 */
final class PageTotals {

  final Map<String, Application> applications = new HashMap<>();
  final Map<Activity, Count> activities = new HashMap<>();
  final Map<String, Long> resources = new HashMap<>();

  static PageTotals of(List<RecordedEvent> events) {
    PageTotals totals = new PageTotals();
    events.forEach(totals::add);
    return totals;
  }

  private void add(RecordedEvent event) {
    LoanEvent step = (LoanEvent) event.payload();
    Instant at = event.metadata().occurredAt().orElse(event.recordedAt());
    applications.computeIfAbsent(event.stream().key(), unused -> new Application(at)).add(step, at);
    activities
        .computeIfAbsent(new Activity(step.activity(), step.lifecycle()), unused -> new Count())
        .add(step);
    if (step.resource() != null) {
      resources.merge(step.resource(), 1L, Long::sum);
    }
  }

  static final class Application {

    long amountRequested;
    @Nullable String outcome;
    int events;
    Instant firstAt;
    Instant lastAt;

    private Application(Instant at) {
      this.firstAt = at;
      this.lastAt = at;
    }

    private void add(LoanEvent step, Instant at) {
      events++;
      firstAt = at.isBefore(firstAt) ? at : firstAt;
      lastAt = at.isAfter(lastAt) ? at : lastAt;
      if (step instanceof ApplicationSubmitted submitted) {
        amountRequested += submitted.amountRequested();
      } else if (step instanceof ApplicationDecided decided) {
        outcome = decided.outcome().name();
      }
    }
  }

  record Activity(String name, String lifecycle) {}

  static final class Count {

    long events;
    long withoutResource;

    private void add(LoanEvent step) {
      events++;
      withoutResource += step.resource() == null ? 1 : 0;
    }
  }
}
