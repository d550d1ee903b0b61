/** Example: a handler that fails sometimes, and for some events always; other streams continue. */
@NullMarked
package dev.pgeventstore.examples.flaky;

import org.jspecify.annotations.NullMarked;
