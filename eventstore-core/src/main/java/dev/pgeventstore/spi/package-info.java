/**
 * What a store can do for the other parts of this library: they get it by {@link
 * dev.pgeventstore.EventStreams#unwrap}. For authors of stores and of readers; applications do not
 * need it.
 */
@NullMarked
package dev.pgeventstore.spi;

import org.jspecify.annotations.NullMarked;
