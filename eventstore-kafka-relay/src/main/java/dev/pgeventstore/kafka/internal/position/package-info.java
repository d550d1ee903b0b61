/** Where a lane stands, and what it has noted for the one that leads next. */
@NullMarked
package dev.pgeventstore.kafka.internal.position;

import org.jspecify.annotations.NullMarked;
