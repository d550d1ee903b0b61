/** The load path: one stream, from its beginning or from a snapshot. */
@NullMarked
package dev.pgeventstore.postgres.internal.load;

import org.jspecify.annotations.NullMarked;
