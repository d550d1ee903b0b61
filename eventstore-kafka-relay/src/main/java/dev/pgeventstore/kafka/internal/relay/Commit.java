package dev.pgeventstore.kafka.internal.relay;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.record.Poisoned;
import java.util.List;

/**
 * A transaction that is committed.
 *
 * @param upTo where the lane stands
 * @param mark the high-water mark when the last of it was read
 * @param begun when its first record was sent
 * @param poisoned what could not be published, and what becomes of it
 */
record Commit(
    Position upTo,
    Position mark,
    int events,
    int messages,
    int records,
    long begun,
    List<Poisoned> poisoned) {}
