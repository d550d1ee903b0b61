/** Example: a cache is filled from a view, and follows the events from where the view ends. */
@NullMarked
package dev.pgeventstore.examples.hotcache;

import org.jspecify.annotations.NullMarked;
