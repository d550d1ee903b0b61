/** What all examples need and none is about. */
@NullMarked
package dev.pgeventstore.examples.pools;

import org.jspecify.annotations.NullMarked;
