/**
 * Example: from one database through Kafka into another, exactly once, while processes are killed.
 */
@NullMarked
package dev.pgeventstore.examples.exactlyonce;

import org.jspecify.annotations.NullMarked;
