/** Example: views of orders, kept without reading everything again, and asked for on demand. */
@NullMarked
package dev.pgeventstore.examples.orders;

import org.jspecify.annotations.NullMarked;
