/** Records made of events and messages, packed into parcels; and those that Kafka refuses. */
@NullMarked
package dev.pgeventstore.kafka.internal.record;

import org.jspecify.annotations.NullMarked;
