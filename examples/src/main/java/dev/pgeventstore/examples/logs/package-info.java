/** Example: a log of events in XES, of whatever kind, becomes streams of a store. */
@NullMarked
package dev.pgeventstore.examples.logs;

import org.jspecify.annotations.NullMarked;
