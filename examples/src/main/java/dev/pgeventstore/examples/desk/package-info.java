/** Example: what a project of one's own begins with, from the first event type to the roles. */
@NullMarked
package dev.pgeventstore.examples.desk;

import org.jspecify.annotations.NullMarked;
