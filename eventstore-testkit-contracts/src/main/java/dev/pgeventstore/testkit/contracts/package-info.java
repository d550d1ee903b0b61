/** What every event store promises, as tests that an implementation extends. */
@NullMarked
package dev.pgeventstore.testkit.contracts;

import org.jspecify.annotations.NullMarked;
