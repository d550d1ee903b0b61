/** Example: a table of visits is rebuilt while it is read and written, without downtime. */
@NullMarked
package dev.pgeventstore.examples.visits;

import org.jspecify.annotations.NullMarked;
