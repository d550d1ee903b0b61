package dev.pgeventstore.examples.loans;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.examples.loans.LoanEvent.ApplicationAdvanced;
import dev.pgeventstore.examples.loans.LoanEvent.ApplicationDecided;
import dev.pgeventstore.examples.loans.LoanEvent.ApplicationSubmitted;
import dev.pgeventstore.examples.loans.LoanEvent.OfferAdvanced;
import dev.pgeventstore.examples.loans.LoanEvent.Outcome;
import dev.pgeventstore.examples.loans.LoanEvent.WorkCompleted;
import dev.pgeventstore.examples.loans.LoanEvent.WorkScheduled;
import dev.pgeventstore.examples.loans.LoanEvent.WorkStarted;
import dev.pgeventstore.examples.logs.ImportException;
import dev.pgeventstore.examples.logs.XesAttribute;
import dev.pgeventstore.examples.logs.XesEvent;
import dev.pgeventstore.examples.logs.XesTrace;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;

class LoanStepsTest {

  private static final OffsetDateTime NOON = OffsetDateTime.parse("2011-10-01T12:00+02:00");
  private static final XesEvent SUBMITTED = event("A_SUBMITTED", "COMPLETE");

  private final Map<String, String> attributes =
      new HashMap<>(Map.of("AMOUNT_REQ", "20000", "REG_DATE", NOON.toString()));

  @Test
  void each_event_of_the_log_is_one_event_of_the_domain() {
    List<LoanEvent> steps =
        steps(
            SUBMITTED,
            event("A_PREACCEPTED", "COMPLETE"),
            event("W_Nabellen offertes", "SCHEDULE"),
            event("W_Nabellen offertes", "START"),
            event("W_Nabellen offertes", "COMPLETE"),
            event("O_SENT", "COMPLETE"),
            event("A_ACTIVATED", "COMPLETE"));

    assertThat(steps)
        .containsExactly(
            new ApplicationSubmitted(20_000, NOON, "112"),
            new ApplicationAdvanced("A_PREACCEPTED", "112"),
            new WorkScheduled("W_Nabellen offertes", "112"),
            new WorkStarted("W_Nabellen offertes", "112"),
            new WorkCompleted("W_Nabellen offertes", "112"),
            new OfferAdvanced("O_SENT", "112"),
            new ApplicationDecided(Outcome.ACTIVATED, "112"));
  }

  @Test
  void an_event_of_the_domain_keeps_the_names_of_the_log() {
    List<XesEvent> events =
        List.of(
            SUBMITTED,
            event("A_DECLINED", "COMPLETE"),
            event("W_Beoordelen fraude", "SCHEDULE"),
            event("W_Beoordelen fraude", "START"));

    List<LoanEvent> steps = steps(events.toArray(XesEvent[]::new));

    assertThat(steps)
        .extracting(LoanEvent::activity)
        .containsExactlyElementsOf(events.stream().map(XesEvent::activity).toList());
    assertThat(steps)
        .extracting(LoanEvent::lifecycle)
        .containsExactlyElementsOf(events.stream().map(XesEvent::lifecycle).toList());
  }

  @Test
  void an_application_that_does_not_begin_with_its_submission_is_refused() {
    assertThatRefusalOf(event("A_DECLINED", "COMPLETE"))
        .hasMessage(
            "the trace has 'A_DECLINED' (COMPLETE) as event 1,"
                + " which is no submission of a loan application");
  }

  @Test
  void an_unknown_step_is_refused() {
    assertThatRefusalOf(SUBMITTED, event("X_SOMETHING", "COMPLETE"))
        .hasMessage(
            "the trace has 'X_SOMETHING' (COMPLETE) as event 2,"
                + " which is no later step of a loan application");
    assertThatRefusalOf(SUBMITTED, event("W_Beoordelen fraude", "SUSPEND"))
        .hasMessageContaining("'W_Beoordelen fraude' (SUSPEND) as event 2");
    assertThatRefusalOf(SUBMITTED, SUBMITTED)
        .hasMessageContaining("'A_SUBMITTED' (COMPLETE) as event 2");
  }

  @Test
  void an_amount_that_is_not_a_number_is_refused() {
    attributes.put("AMOUNT_REQ", "UNKNOWN");

    assertThatRefusalOf(SUBMITTED)
        .hasMessage("the trace has 'UNKNOWN' for AMOUNT_REQ, which is no amount");
  }

  @Test
  void a_missing_registration_date_is_refused() {
    attributes.remove("REG_DATE");

    assertThatRefusalOf(SUBMITTED)
        .hasMessage("the trace has '' for REG_DATE, which is no date and time with an offset");
  }

  private static XesEvent event(String activity, String lifecycle) {
    return new XesEvent(activity, lifecycle, "112", NOON, List.of());
  }

  private List<LoanEvent> steps(XesEvent... events) {
    List<XesAttribute> written =
        attributes.entrySet().stream()
            .map(each -> new XesAttribute("string", each.getKey(), each.getValue(), List.of()))
            .toList();
    return LoanSteps.of(new XesTrace("the trace", 1, "1", written, List.of(events)));
  }

  private AbstractThrowableAssert<?, ?> assertThatRefusalOf(XesEvent... events) {
    return assertThatThrownBy(() -> steps(events)).isInstanceOf(ImportException.class);
  }
}
