/** For tests: a store in memory, what every store must do, and given/when/then for evolutions. */
@NullMarked
package dev.pgeventstore.testkit;

import org.jspecify.annotations.NullMarked;
