/** The load path: one stream, or the settled order on demand. */
@NullMarked
package dev.pgeventstore.postgres.internal.load;

import org.jspecify.annotations.NullMarked;
