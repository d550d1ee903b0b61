/** What snapshots of states are, and where they are kept. */
@NullMarked
package dev.pgeventstore.snapshot;

import org.jspecify.annotations.NullMarked;
