/** Example: a stream of 100,000 events is loaded in one round trip, and read in a small heap. */
@NullMarked
package dev.pgeventstore.examples.histories;

import org.jspecify.annotations.NullMarked;
