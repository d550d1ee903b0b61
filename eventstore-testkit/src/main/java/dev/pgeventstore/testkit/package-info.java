/** For tests of applications: a store in memory, and given/when/then tests for evolutions. */
@NullMarked
package dev.pgeventstore.testkit;

import org.jspecify.annotations.NullMarked;
