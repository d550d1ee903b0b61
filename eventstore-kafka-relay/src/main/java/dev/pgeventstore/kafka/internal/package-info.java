/** What the relay and its consumers share. Not for applications. */
@NullMarked
package dev.pgeventstore.kafka.internal;

import org.jspecify.annotations.NullMarked;
