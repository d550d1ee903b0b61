/** The event store on PostgreSQL. */
@NullMarked
package dev.pgeventstore.postgres;

import org.jspecify.annotations.NullMarked;
