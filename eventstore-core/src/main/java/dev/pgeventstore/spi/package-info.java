/**
 * What a store can do for the other parts of this library: they ask for it by {@link
 * dev.pgeventstore.EventStreams#unwrap}. For authors of stores and of readers; applications have no
 * need of it.
 */
@NullMarked
package dev.pgeventstore.spi;

import org.jspecify.annotations.NullMarked;
