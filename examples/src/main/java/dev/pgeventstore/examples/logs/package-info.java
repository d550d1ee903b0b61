/** Example: any event log in XES becomes streams of a store. */
@NullMarked
package dev.pgeventstore.examples.logs;

import org.jspecify.annotations.NullMarked;
