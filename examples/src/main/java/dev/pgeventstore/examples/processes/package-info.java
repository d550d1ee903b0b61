/** For examples with several processes: starts real ones. */
@NullMarked
package dev.pgeventstore.examples.processes;

import org.jspecify.annotations.NullMarked;
