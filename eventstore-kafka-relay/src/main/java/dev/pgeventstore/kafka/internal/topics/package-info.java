/** The topics that a relay sends to, and the one that has its notes. */
@NullMarked
package dev.pgeventstore.kafka.internal.topics;

import org.jspecify.annotations.NullMarked;
