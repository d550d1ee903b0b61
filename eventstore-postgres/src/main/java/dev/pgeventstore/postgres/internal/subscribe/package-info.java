/** The subscribe path: mark, page, handler and checkpoint. */
@NullMarked
package dev.pgeventstore.postgres.internal.subscribe;

import org.jspecify.annotations.NullMarked;
