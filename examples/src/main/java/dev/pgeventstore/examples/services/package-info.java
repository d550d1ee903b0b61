/** Example: every service gets all events, and of the nodes of a service one handles each. */
@NullMarked
package dev.pgeventstore.examples.services;

import org.jspecify.annotations.NullMarked;
