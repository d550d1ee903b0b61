/** What becomes of an event in Kafka: none, one or several records. */
@NullMarked
package dev.pgeventstore.kafka.record;

import org.jspecify.annotations.NullMarked;
