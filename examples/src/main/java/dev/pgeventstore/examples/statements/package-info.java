/** Example: other systems get records made for them; internal events are not published. */
@NullMarked
package dev.pgeventstore.examples.statements;

import org.jspecify.annotations.NullMarked;
