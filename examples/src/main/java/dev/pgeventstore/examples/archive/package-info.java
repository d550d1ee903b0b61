/** Example: history moves from Kafka into a file, which is verified against the store. */
@NullMarked
package dev.pgeventstore.examples.archive;

import org.jspecify.annotations.NullMarked;
