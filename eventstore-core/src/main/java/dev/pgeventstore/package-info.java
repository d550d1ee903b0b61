/**
 * Streams of events: what an application appends and reads back, and the exceptions that report a
 * lost race.
 */
@NullMarked
package dev.pgeventstore;

import org.jspecify.annotations.NullMarked;
