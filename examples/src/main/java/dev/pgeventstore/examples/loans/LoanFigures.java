package dev.pgeventstore.examples.loans;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * The figures in the tables of the projection.
 *
 * @param applications the number of applications
 * @param events the number of events
 * @param mostEvents the largest number of events of one application
 * @param amountRequested the sum of all requested amounts
 * @param eventsWithoutResource the number of events without a recorded person or machine
 * @param resources the number of people and machines in the other events
 * @param firstAt when the first event happened; empty if there is none
 * @param lastAt when the last event happened
 * @param outcomes applications by outcome, {@code none} among them; most frequent first
 * @param lifecycles events by lifecycle; most frequent first
 * @param activities events by activity; most frequent first
 */
record LoanFigures(
    long applications,
    long events,
    long mostEvents,
    long amountRequested,
    long eventsWithoutResource,
    long resources,
    Optional<Instant> firstAt,
    Optional<Instant> lastAt,
    Map<String, Long> outcomes,
    Map<String, Long> lifecycles,
    Map<String, Long> activities) {}
