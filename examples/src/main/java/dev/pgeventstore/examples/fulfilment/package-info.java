/** Example: what is written to the store comes to Kafka, and another service acts on it. */
@NullMarked
package dev.pgeventstore.examples.fulfilment;

import org.jspecify.annotations.NullMarked;
