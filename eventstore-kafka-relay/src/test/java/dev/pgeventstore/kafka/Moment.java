package dev.pgeventstore.kafka;

/** A moment in the life of a transaction, as a producer's interceptor can tell it. */
enum Moment {
  /** It has begun, and nothing is sent yet. */
  BEGUN,
  /** Some of its records are in Kafka, others are not. */
  HALF_SENT,
  /** All its events are in Kafka, its position is not. */
  BEFORE_POSITION,
  /** All of it is in Kafka, and the request to commit is not sent yet. */
  BEFORE_COMMIT,
  /** It is committed, and the relay knows; the next one has begun. */
  COMMITTED
}
