/** Migrations, and what is checked before a store starts. */
@NullMarked
package dev.pgeventstore.postgres.internal.schema;

import org.jspecify.annotations.NullMarked;
