/** The high-water mark: up to where the global order is settled (docs/adr/0001). */
@NullMarked
package dev.pgeventstore.postgres.internal.fence;

import org.jspecify.annotations.NullMarked;
