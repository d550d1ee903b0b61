package dev.pgeventstore.postgres.internal.schema;

import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SchemaCatalog;
import dev.pgeventstore.postgres.internal.tables.SchemaHistoryTable;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The state of a schema, as far as this role may see it.
 *
 * @param sight what it contains
 * @param version the version that it reports; null if it reports none, or not to this role
 * @param history what was applied; empty if there is no history, or this role may not read it
 */
record SchemaState(
    SchemaCatalog.Sight sight,
    SchemaCatalog.@Nullable Version version,
    List<SchemaHistoryTable.Row> history) {

  private static final int NAMED = 5;

  /** Looks at a schema. The history is read last, so it has all that the version speaks of. */
  static SchemaState read(Connection connection, Schema schema) throws SQLException {
    SchemaCatalog catalog = new SchemaCatalog(schema);
    SchemaCatalog.Sight sight = catalog.look(connection);
    boolean versionCanBeAsked = sight.mayUse() && sight.mayAskVersion();
    boolean historyCanBeRead = sight.mayUse() && sight.mayReadHistory() && !isForeign(sight);
    return new SchemaState(
        sight,
        versionCanBeAsked ? catalog.version(connection) : null,
        historyCanBeRead ? new SchemaHistoryTable(schema).applied(connection) : List.of());
  }

  boolean isForeign() {
    return isForeign(sight);
  }

  private static boolean isForeign(SchemaCatalog.Sight sight) {
    return !sight.hasVersion() && !others(sight).isEmpty();
  }

  /** All but the history, which is there before the first migration is applied. */
  private static List<String> others(SchemaCatalog.Sight sight) {
    return sight.objects().stream()
        .filter(object -> !object.equals("table " + SchemaHistoryTable.NAME))
        .toList();
  }

  boolean isEmpty() {
    return others(sight).isEmpty();
  }

  /** Some of its contents, for a message. */
  String objects() {
    List<String> objects = others(sight);
    String some = String.join(", ", objects.subList(0, Math.min(NAMED, objects.size())));
    return objects.size() <= NAMED ? some : some + " and %d more".formatted(objects.size() - NAMED);
  }

  /** Whether the store was made by scripts that were run by hand. */
  boolean isMigratedByHand() {
    return !sight.hasHistory() && sight.hasVersion();
  }

  /** The version up to which the scripts were run by hand before the history began; -1 if none. */
  int adopted() {
    return history.stream()
        .filter(SchemaHistoryTable.Row::adopted)
        .mapToInt(SchemaHistoryTable.Row::version)
        .max()
        .orElse(-1);
  }

  Optional<SchemaHistoryTable.Row> applied(int version) {
    return history.stream().filter(row -> row.version() == version).findFirst();
  }

  /** The last migration of the history; 0 if there is none. */
  int lastApplied() {
    return history.stream().mapToInt(SchemaHistoryTable.Row::version).max().orElse(0);
  }
}
