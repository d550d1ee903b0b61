/** What is published, as far as it must be known to compare it with the store. */
@NullMarked
package dev.pgeventstore.kafka.internal.history;

import org.jspecify.annotations.NullMarked;
