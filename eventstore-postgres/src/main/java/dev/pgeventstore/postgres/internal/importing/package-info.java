/**
 * The import path: items are encoded as rows, rows collected in batches, and each batch written to
 * the log by one COPY.
 */
@NullMarked
package dev.pgeventstore.postgres.internal.importing;

import org.jspecify.annotations.NullMarked;
