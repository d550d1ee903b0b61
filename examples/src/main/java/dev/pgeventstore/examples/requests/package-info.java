/** Example: the sender of a command gets its result, and reads its own write. */
@NullMarked
package dev.pgeventstore.examples.requests;

import org.jspecify.annotations.NullMarked;
