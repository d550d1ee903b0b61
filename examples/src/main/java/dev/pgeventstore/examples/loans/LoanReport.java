package dev.pgeventstore.examples.loans;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Prints the figures, one line each. */
final class LoanReport {

  private static final int MOST_FREQUENT = 5;

  private final List<String> lines = new ArrayList<>();

  private LoanReport() {}

  static List<String> of(LoanFigures figures, Optional<LoanTopic.Content> published) {
    LoanReport report = new LoanReport();
    report.title("Loan applications");
    report.line("applications", figures.applications());
    report.line("amount asked for, all together", figures.amountRequested());
    report.line("first event (UTC)", figures.firstAt());
    report.line("last event (UTC)", figures.lastAt());
    report.title("Outcomes");
    figures.outcomes().forEach(report::line);
    report.title("Events");
    report.line("events", figures.events());
    report.line("most events of one application", figures.mostEvents());
    report.line("people and machines that took part", figures.resources());
    report.line("events without a recorded person or machine", figures.eventsWithoutResource());
    figures.lifecycles().forEach(report::line);
    report.title("Most frequent activities");
    figures.activities().entrySet().stream()
        .limit(MOST_FREQUENT)
        .forEach(activity -> report.line(activity.getKey(), activity.getValue()));
    published.ifPresent(report::published);
    return List.copyOf(report.lines);
  }

  private void published(LoanTopic.Content content) {
    title("Read back from Kafka: each event once, in order, and byte by byte as in the store");
    line("applications", content.applications());
    line("events", content.events());
  }

  private void title(String text) {
    lines.add("");
    lines.add(text);
  }

  private void line(String label, long number) {
    line(label, String.format(Locale.ROOT, "%,d", number));
  }

  private void line(String label, Optional<Instant> at) {
    line(label, at.map(Instant::toString).orElse("none"));
  }

  private void line(String label, String value) {
    lines.add(String.format(Locale.ROOT, "  %-40s %24s", label, value));
  }
}
