/** From an empty folder to the first event. */
@NullMarked
package dev.pgeventstore.examples.spring.first;

import org.jspecify.annotations.NullMarked;
