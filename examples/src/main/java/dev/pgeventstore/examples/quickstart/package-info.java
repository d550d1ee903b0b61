/** Example: bank accounts, from the first event to a balance table and a Kafka topic. */
@NullMarked
package dev.pgeventstore.examples.quickstart;

import org.jspecify.annotations.NullMarked;
