/** Brings records and notes to Kafka: what a delivery promises is made here. */
@NullMarked
package dev.pgeventstore.kafka.internal.writer;

import org.jspecify.annotations.NullMarked;
