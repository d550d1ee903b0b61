/** Publishes the events of a store to Kafka, each exactly once and in order. */
@NullMarked
package dev.pgeventstore.kafka;

import org.jspecify.annotations.NullMarked;
