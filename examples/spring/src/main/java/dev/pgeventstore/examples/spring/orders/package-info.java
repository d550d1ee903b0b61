/** Orders that are placed and shipped over HTTP, and a table of those that are open. */
@NullMarked
package dev.pgeventstore.examples.spring.orders;

import org.jspecify.annotations.NullMarked;
