/** Example: a handler that fails sometimes, and for some events always; the rest flows on. */
@NullMarked
package dev.pgeventstore.examples.flaky;

import org.jspecify.annotations.NullMarked;
