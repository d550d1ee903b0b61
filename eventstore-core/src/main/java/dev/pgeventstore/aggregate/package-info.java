/** Deciding on the state that a stream's events add up to. */
@NullMarked
package dev.pgeventstore.aggregate;

import org.jspecify.annotations.NullMarked;
