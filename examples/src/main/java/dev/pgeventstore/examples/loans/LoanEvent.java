package dev.pgeventstore.examples.loans;

import dev.pgeventstore.codec.EventType;
import java.time.OffsetDateTime;
import org.jspecify.annotations.Nullable;

/**
 * What happens to a loan application. When it happened is in the metadata of the stored event.
 *
 * <p>The names in the log's own language, {@link #activity()} and {@link #lifecycle()}, are kept
 * where they say more than the type does, and are told by the type otherwise.
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

  /** The application came a step further, such as {@code A_PREACCEPTED}. */
  @EventType(name = "application-advanced")
  record ApplicationAdvanced(String activity, @Nullable String resource) implements LoanEvent {}

  /** What became of the application. */
  @EventType(name = "application-decided")
  record ApplicationDecided(Outcome outcome, @Nullable String resource) implements LoanEvent {

    @Override
    public String activity() {
      return outcome.activity();
    }
  }

  /** An offer to the customer came a step further, such as {@code O_SENT}. */
  @EventType(name = "offer-advanced")
  record OfferAdvanced(String activity, @Nullable String resource) implements LoanEvent {}

  /** The bank's staff has something to do. */
  @EventType(name = "work-scheduled")
  record WorkScheduled(String activity, @Nullable String resource) implements LoanEvent {

    @Override
    public String lifecycle() {
      return "SCHEDULE";
    }
  }

  /** Somebody began to do it. */
  @EventType(name = "work-started")
  record WorkStarted(String activity, @Nullable String resource) implements LoanEvent {

    @Override
    public String lifecycle() {
      return "START";
    }
  }

  /** It is done, for now. */
  @EventType(name = "work-completed")
  record WorkCompleted(String activity, @Nullable String resource) implements LoanEvent {}

  /** How an application ends. */
  enum Outcome {
    /** The bank does not lend. */
    DECLINED,
    /** The customer does not want the loan any more, or does not answer. */
    CANCELLED,
    /** The loan is paid out. */
    ACTIVATED;

    String activity() {
      return "A_" + name();
    }
  }

  /**
   * What was done.
   *
   * @return such as {@code W_Nabellen offertes}
   */
  String activity();

  /**
   * How far it was done.
   *
   * @return {@code SCHEDULE}, {@code START} or {@code COMPLETE}
   */
  default String lifecycle() {
    return "COMPLETE";
  }

  /**
   * Who did it.
   *
   * @return a number of a person or machine, null if the bank did not record it
   */
  @Nullable String resource();
}
