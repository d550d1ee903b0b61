/** What codecs share, whatever library they use. */
@NullMarked
package dev.pgeventstore.internal.codec;

import org.jspecify.annotations.NullMarked;
