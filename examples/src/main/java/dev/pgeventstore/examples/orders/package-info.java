/** Example: a view of orders, kept without reading everything again, and computed on demand. */
@NullMarked
package dev.pgeventstore.examples.orders;

import org.jspecify.annotations.NullMarked;
