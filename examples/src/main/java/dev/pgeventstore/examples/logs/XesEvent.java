package dev.pgeventstore.examples.logs;

import java.time.OffsetDateTime;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One event of a trace. Each of its standard attributes may be missing in the log.
 *
 * @param activity the activity; null if it is missing
 * @param lifecycle the state of the activity, such as {@code START}; null if it is missing
 * @param resource the person or machine that carried it out; null if it is missing
 * @param timestamp the time with its offset, or in UTC if it has none; null if it is missing
 * @param attributes all attributes, including those above
 */
public record XesEvent(
    @Nullable String activity,
    @Nullable String lifecycle,
    @Nullable String resource,
    @Nullable OffsetDateTime timestamp,
    List<XesAttribute> attributes) {}
