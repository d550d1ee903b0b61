/** Example: a relay publishes the store's events to Kafka, and another service acts on them. */
@NullMarked
package dev.pgeventstore.examples.fulfilment;

import org.jspecify.annotations.NullMarked;
