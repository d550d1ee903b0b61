/** Compares what is in Kafka with what the store says should be there. */
@NullMarked
package dev.pgeventstore.kafka.internal.verify;

import org.jspecify.annotations.NullMarked;
