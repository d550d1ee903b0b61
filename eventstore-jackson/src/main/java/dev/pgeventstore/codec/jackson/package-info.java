/** Events and snapshots as JSON, written and read by Jackson 2. */
@NullMarked
package dev.pgeventstore.codec.jackson;

import org.jspecify.annotations.NullMarked;
