/** What operators do to a lane: retry, recover, move. */
@NullMarked
package dev.pgeventstore.kafka.internal.operate;

import org.jspecify.annotations.NullMarked;
