/** The work of a lane: lead, take over, read, send, commit. */
@NullMarked
package dev.pgeventstore.kafka.internal.relay;

import org.jspecify.annotations.NullMarked;
