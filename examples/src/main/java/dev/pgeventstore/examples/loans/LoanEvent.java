package dev.pgeventstore.examples.loans;

import dev.pgeventstore.codec.EventType;
import java.time.OffsetDateTime;
import org.jspecify.annotations.Nullable;

/**
 * What happens to a loan application. The metadata of the stored event has the time at which it
 * happened.
 *
 * <p>The log's own names, {@link #activity()} and {@link #lifecycle()}, are stored where the type
 * does not determine them.
 */
public sealed interface LoanEvent {

  /** The customer asked for a loan. Every application begins with it. */
  @EventType(name = "application-submitted")
  record ApplicationSubmitted(
      long amountRequested, OffsetDateTime registeredAt, @Nullable String resource)
      implements LoanEvent {

    @Override
    public String activity() {
      return "A_SUBMITTED";
    }
  }

  /** The application reached its next step, such as {@code A_PREACCEPTED}. */
  @EventType(name = "application-advanced")
  record ApplicationAdvanced(String activity, @Nullable String resource) implements LoanEvent {}

  /** The application was decided. */
  @EventType(name = "application-decided")
  record ApplicationDecided(Outcome outcome, @Nullable String resource) implements LoanEvent {

    @Override
    public String activity() {
      return outcome.activity();
    }
  }

  /** An offer to the customer reached its next step, such as {@code O_SENT}. */
  @EventType(name = "offer-advanced")
  record OfferAdvanced(String activity, @Nullable String resource) implements LoanEvent {}

  /** Work was scheduled for the bank's staff. */
  @EventType(name = "work-scheduled")
  record WorkScheduled(String activity, @Nullable String resource) implements LoanEvent {

    @Override
    public String lifecycle() {
      return "SCHEDULE";
    }
  }

  /** The work was started. */
  @EventType(name = "work-started")
  record WorkStarted(String activity, @Nullable String resource) implements LoanEvent {

    @Override
    public String lifecycle() {
      return "START";
    }
  }

  /** The work was completed, for now. */
  @EventType(name = "work-completed")
  record WorkCompleted(String activity, @Nullable String resource) implements LoanEvent {}

  /** How an application ends. */
  enum Outcome {
    /** The bank declined the loan. */
    DECLINED,
    /** The customer no longer wants the loan, or does not answer. */
    CANCELLED,
    /** The loan is paid out. */
    ACTIVATED;

    String activity() {
      return "A_" + name();
    }
  }

  /**
   * The activity, in the words of the log.
   *
   * @return the name, such as {@code W_Nabellen offertes}
   */
  String activity();

  /**
   * The state of the activity.
   *
   * @return {@code SCHEDULE}, {@code START} or {@code COMPLETE}
   */
  default String lifecycle() {
    return "COMPLETE";
  }

  /**
   * The person or machine that carried the activity out.
   *
   * @return a number; null if the bank did not record it
   */
  @Nullable String resource();
}
