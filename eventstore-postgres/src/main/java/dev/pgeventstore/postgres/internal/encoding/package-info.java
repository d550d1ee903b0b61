/**
 * What every way into the store does with a single event: encode it, and refuse what is too big.
 */
@NullMarked
package dev.pgeventstore.postgres.internal.encoding;

import org.jspecify.annotations.NullMarked;
