/** Example: a template for a new project, from the first event type to the roles. */
@NullMarked
package dev.pgeventstore.examples.desk;

import org.jspecify.annotations.NullMarked;
