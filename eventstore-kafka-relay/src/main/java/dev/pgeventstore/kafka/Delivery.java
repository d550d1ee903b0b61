package dev.pgeventstore.kafka;

/** What a relay promises to its consumers, and what it costs. */
public enum Delivery {
  /**
   * Records and the position they bring the relay to are one Kafka transaction: readers of
   * committed records see each once, whatever crashes. They see them when the transaction commits,
   * which takes some milliseconds. The default.
   */
  EXACTLY_ONCE,
  /**
   * Records are sent without transactions, and the position is kept in the store's database: less
   * latency, and nothing that keeps readers waiting. After a crash, a failure, a take-over or an
   * operator's change records sent since the last position are sent again, with the same headers,
   * by which consumers can drop them. Nothing is left out. A consumer that drops what came before
   * finds each stream in order; others may not: there is no fence, so what a relay had handed to
   * its producer before it lost its lease may still arrive while the next one publishes.
   */
  AT_LEAST_ONCE
}
