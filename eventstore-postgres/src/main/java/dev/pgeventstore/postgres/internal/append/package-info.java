/** The append path: from an append to its result in one round trip. */
@NullMarked
package dev.pgeventstore.postgres.internal.append;

import org.jspecify.annotations.NullMarked;
