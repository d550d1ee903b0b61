/** Threads, locks and time of the engine, where a simulation can take their place. */
@NullMarked
package dev.pgeventstore.internal.scheduling;

import org.jspecify.annotations.NullMarked;
