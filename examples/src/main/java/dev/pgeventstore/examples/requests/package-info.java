/** Example: whoever sends a command is told what came of it, and reads what he has written. */
@NullMarked
package dev.pgeventstore.examples.requests;

import org.jspecify.annotations.NullMarked;
