/** Example: the first stored event, for docs/getting-started.md. */
@NullMarked
package dev.pgeventstore.examples.firstevent;

import org.jspecify.annotations.NullMarked;
