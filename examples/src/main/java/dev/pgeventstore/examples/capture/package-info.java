/** Example: several processes write at the same time, and several readers miss nothing. */
@NullMarked
package dev.pgeventstore.examples.capture;

import org.jspecify.annotations.NullMarked;
