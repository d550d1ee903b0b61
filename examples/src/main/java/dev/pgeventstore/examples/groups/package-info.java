/** Example: several services read a topic; in each, one of its instances handles an event. */
@NullMarked
package dev.pgeventstore.examples.groups;

import org.jspecify.annotations.NullMarked;
