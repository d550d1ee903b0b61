/** Example: every service gets all events, and one of its nodes handles each. */
@NullMarked
package dev.pgeventstore.examples.services;

import org.jspecify.annotations.NullMarked;
