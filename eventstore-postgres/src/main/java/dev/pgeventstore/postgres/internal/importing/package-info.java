/** The import path: items into rows, rows into batches, a batch into the log by one COPY. */
@NullMarked
package dev.pgeventstore.postgres.internal.importing;

import org.jspecify.annotations.NullMarked;
