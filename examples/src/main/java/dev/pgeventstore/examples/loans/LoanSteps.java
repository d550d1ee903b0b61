package dev.pgeventstore.examples.loans;

import dev.pgeventstore.examples.loans.LoanEvent.ApplicationAdvanced;
import dev.pgeventstore.examples.loans.LoanEvent.ApplicationDecided;
import dev.pgeventstore.examples.loans.LoanEvent.ApplicationSubmitted;
import dev.pgeventstore.examples.loans.LoanEvent.OfferAdvanced;
import dev.pgeventstore.examples.loans.LoanEvent.Outcome;
import dev.pgeventstore.examples.loans.LoanEvent.WorkCompleted;
import dev.pgeventstore.examples.loans.LoanEvent.WorkScheduled;
import dev.pgeventstore.examples.loans.LoanEvent.WorkStarted;
import dev.pgeventstore.examples.logs.ImportException;
import dev.pgeventstore.examples.logs.XesEvent;
import dev.pgeventstore.examples.logs.XesTrace;
import java.time.DateTimeException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Maps the names in the log to the events of a loan application. */
final class LoanSteps {

  private static final String SUBMITTED = "A_SUBMITTED";

  private LoanSteps() {}

  /**
   * Returns one event for each event of the trace. The first contains the attributes of the trace.
   */
  static List<LoanEvent> of(XesTrace trace) {
    List<LoanEvent> steps = new ArrayList<>(trace.events().size());
    for (XesEvent event : trace.events()) {
      steps.add(
          steps.isEmpty()
              ? submission(trace, event)
              : laterStep(event).orElseThrow(() -> unknown(trace, event, steps.size() + 1)));
    }
    return steps;
  }

  private static LoanEvent submission(XesTrace trace, XesEvent event) {
    if (!SUBMITTED.equals(event.activity()) || !isComplete(event)) {
      throw unknown(trace, event, 1);
    }
    return new ApplicationSubmitted(amount(trace), registeredAt(trace), event.resource());
  }

  private static long amount(XesTrace trace) {
    String text = trace.attribute("AMOUNT_REQ").orElse("");
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw new ImportException(
          "%s has '%s' for AMOUNT_REQ, which is no amount".formatted(trace.place(), text), e);
    }
  }

  private static OffsetDateTime registeredAt(XesTrace trace) {
    String text = trace.attribute("REG_DATE").orElse("");
    try {
      return OffsetDateTime.parse(text);
    } catch (DateTimeException e) {
      throw new ImportException(
          "%s has '%s' for REG_DATE, which is no date and time with an offset"
              .formatted(trace.place(), text),
          e);
    }
  }

  private static Optional<LoanEvent> laterStep(XesEvent event) {
    String activity = Objects.requireNonNullElse(event.activity(), "");
    String resource = event.resource();
    if (activity.startsWith("W_")) {
      return switch (Objects.requireNonNullElse(event.lifecycle(), "")) {
        case "SCHEDULE" -> Optional.of(new WorkScheduled(activity, resource));
        case "START" -> Optional.of(new WorkStarted(activity, resource));
        case "COMPLETE" -> Optional.of(new WorkCompleted(activity, resource));
        default -> Optional.empty();
      };
    }
    if (!isComplete(event) || activity.equals(SUBMITTED)) {
      return Optional.empty();
    }
    if (activity.startsWith("O_")) {
      return Optional.of(new OfferAdvanced(activity, resource));
    }
    if (activity.startsWith("A_")) {
      return Optional.of(applicationStep(activity, resource));
    }
    return Optional.empty();
  }

  private static LoanEvent applicationStep(String activity, @Nullable String resource) {
    for (Outcome outcome : Outcome.values()) {
      if (outcome.activity().equals(activity)) {
        return new ApplicationDecided(outcome, resource);
      }
    }
    return new ApplicationAdvanced(activity, resource);
  }

  private static boolean isComplete(XesEvent event) {
    return "COMPLETE".equals(event.lifecycle());
  }

  private static ImportException unknown(XesTrace trace, XesEvent event, int number) {
    return new ImportException(
        "%s has '%s' (%s) as event %d, which is no %s of a loan application"
            .formatted(
                trace.place(),
                event.activity(),
                event.lifecycle(),
                number,
                number == 1 ? "submission" : "later step"));
  }
}
