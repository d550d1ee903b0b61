package dev.pgeventstore.examples.logs;

import java.time.OffsetDateTime;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One event of a trace. A log need not say any of what it is asked for.
 *
 * @param activity what was done; null if the log does not say
 * @param lifecycle how far it was done, such as {@code START}; null if the log does not say
 * @param resource who did it; null if the log does not say
 * @param timestamp when, with the offset that is written, or else in UTC; null if the log does not
 *     say
 * @param attributes all of them, those above too
 */
public record XesEvent(
    @Nullable String activity,
    @Nullable String lifecycle,
    @Nullable String resource,
    @Nullable OffsetDateTime timestamp,
    List<XesAttribute> attributes) {}
