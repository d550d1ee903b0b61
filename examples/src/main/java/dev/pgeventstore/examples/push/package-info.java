/** Example: new events that match a criterion are pushed to another application over HTTP. */
@NullMarked
package dev.pgeventstore.examples.push;

import org.jspecify.annotations.NullMarked;
