/** Example: Kafka Streams keeps tables of what the relay publishes, and joins and counts. */
@NullMarked
package dev.pgeventstore.examples.shortener;

import org.jspecify.annotations.NullMarked;
