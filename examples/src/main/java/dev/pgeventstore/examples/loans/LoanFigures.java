package dev.pgeventstore.examples.loans;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * What the tables of the projection say.
 *
 * @param applications how many there are
 * @param events of all of them
 * @param mostEvents of one application
 * @param amountRequested by all of them
 * @param eventsWithoutResource of which the bank did not record who did it
 * @param resources who did the others: how many different people and machines
 * @param firstAt when the first event happened, empty if there is none
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
