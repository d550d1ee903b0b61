/** Example: several services read a topic, and of the instances of each one handles an event. */
@NullMarked
package dev.pgeventstore.examples.groups;

import org.jspecify.annotations.NullMarked;
