/** Example: history goes from Kafka into a file, which is proved to be what the store has. */
@NullMarked
package dev.pgeventstore.examples.archive;

import org.jspecify.annotations.NullMarked;
