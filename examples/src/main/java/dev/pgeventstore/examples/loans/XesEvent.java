package dev.pgeventstore.examples.loans;

import java.time.OffsetDateTime;
import org.jspecify.annotations.Nullable;

/**
 * One event of a trace.
 *
 * @param activity what was done
 * @param lifecycle how far it was done, such as {@code START} or {@code COMPLETE}
 * @param resource who did it, null if the log does not say
 * @param timestamp when, with the offset from UTC that was written
 */
record XesEvent(
    String activity, String lifecycle, @Nullable String resource, OffsetDateTime timestamp) {}
