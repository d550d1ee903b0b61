package dev.pgeventstore;

import java.time.Duration;
import java.util.Optional;

/**
 * A transaction that has written events and is not at its end. Nothing behind its events is
 * settled, so no reader may pass.
 *
 * <p>Of sessions of other roles a role without the right to read all statistics ({@code
 * pg_read_all_stats}) sees no age, which is zero then, no state and no query.
 *
 * @param pid its process; empty for a prepared transaction
 * @param prepared the global id of a prepared transaction: {@code commit prepared} or {@code
 *     rollback prepared} ends it
 * @param user who had logged in
 * @param application as it calls itself
 * @param age how long it has been open; a prepared one, since it was prepared
 * @param state what its session does, such as {@code idle in transaction}
 * @param query the last one, even if it has ended
 */
public record Blocker(
    Optional<Integer> pid,
    Optional<String> prepared,
    String user,
    String application,
    Duration age,
    String state,
    String query) {}
