/** Example: several stores publish to one topic, and a reader verifies the sequence of each. */
@NullMarked
package dev.pgeventstore.examples.branches;

import org.jspecify.annotations.NullMarked;
