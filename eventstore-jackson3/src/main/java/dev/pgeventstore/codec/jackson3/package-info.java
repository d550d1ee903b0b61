/** Events and snapshots as JSON, written and read by Jackson 3. */
@NullMarked
package dev.pgeventstore.codec.jackson3;

import org.jspecify.annotations.NullMarked;
