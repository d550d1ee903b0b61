package dev.pgeventstore.kafka.internal.consumer;

/** What a failed try is put down to, and so what comes next. */
enum Blame {
  /** The record, or its handler: an attempt. */
  RECORD,
  /** The record, and a retry would fail in the same way. */
  HOPELESS,
  /** The virtual machine, whatever the record. */
  MACHINE,
  /** Another transaction has the mark locked: this one waits. */
  MARK_HELD,
  /** The database or Kafka, which may be well again later. */
  ENVIRONMENT
}
