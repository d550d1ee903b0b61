/** Versions of projections: registered, promoted and dropped, each in one transaction. */
@NullMarked
package dev.pgeventstore.postgres.internal.project;

import org.jspecify.annotations.NullMarked;
