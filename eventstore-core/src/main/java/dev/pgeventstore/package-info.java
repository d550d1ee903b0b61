/** Streams of events: what an application appends, reads back and is told when it loses a race. */
@NullMarked
package dev.pgeventstore;

import org.jspecify.annotations.NullMarked;
