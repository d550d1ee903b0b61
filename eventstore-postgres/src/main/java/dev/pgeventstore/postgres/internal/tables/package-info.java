/** One class per table, with every statement that reads or writes it. */
@NullMarked
package dev.pgeventstore.postgres.internal.tables;

import org.jspecify.annotations.NullMarked;
