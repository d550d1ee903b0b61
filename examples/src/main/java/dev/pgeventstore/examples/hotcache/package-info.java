/** Example: a cache is filled from a view, and follows the events from the view's position on. */
@NullMarked
package dev.pgeventstore.examples.hotcache;

import org.jspecify.annotations.NullMarked;
