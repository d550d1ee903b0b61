/** For examples that take several processes: they start real ones. */
@NullMarked
package dev.pgeventstore.examples.processes;

import org.jspecify.annotations.NullMarked;
