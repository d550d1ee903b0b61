package dev.pgeventstore.postgres.internal.schema;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.postgres.internal.tables.Schema;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** What must be true of a database before a store promises anything on it. */
public final class StartUpChecks {

  // The fence is sound only if a position is drawn inside the insert and later ones are larger.
  private static final String SEQUENCE =
      """
      select s.seqcache, s.seqcycle, s.seqincrement, a.attidentity,
             case when has_sequence_privilege(c.oid, 'select') then
               coalesce((select last_value from pg_sequences
                          where schemaname = n.nspname and sequencename = c.relname), 0)
             end as last_value
        from pg_attribute as a
        join pg_depend as d on d.refobjid = a.attrelid and d.refobjsubid = a.attnum
         and d.deptype = 'i' and d.classid = 'pg_class'::regclass
        join pg_sequence as s on s.seqrelid = d.objid
        join pg_class as c on c.oid = s.seqrelid
        join pg_namespace as n on n.oid = c.relnamespace
       where a.attrelid = '$schema.events'::regclass
         and a.attname = 'position'
      """;

  // It is emptied when the server recovers from a crash, which is how that is noticed; a logged
  // table would not be emptied.
  private static final String IS_EMPTIED_BY_CRASHES =
      "select relpersistence = 'u' from pg_class where oid = '$schema.incarnations'::regclass";

  private static final String MAY_READ_EVENTS =
      "select has_table_privilege('$schema.events', 'select')";

  private static final String LARGEST_POSITION =
      "select coalesce(max(position), 0) from $schema.events";

  private static final String HAS_CITUS = "select to_regclass('pg_dist_partition') is not null";

  private static final String IS_DISTRIBUTED =
      "select exists (select from pg_dist_partition where logicalrelid = '$schema.events'::regclass)";

  private static final String ENCODING =
      "select current_setting('server_encoding') as encoding, current_database() as name";

  private final Schema schema;

  public StartUpChecks(Schema schema) {
    this.schema = schema;
  }

  /**
   * Checks what no migration can fix.
   *
   * @throws EventStoreException if the database cannot hold every text. Retries would not be
   *     recognised there, since what is stored is compared with what is sent.
   */
  public static void beforeMigrating(Connection connection) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(ENCODING);
        ResultSet row = statement.executeQuery()) {
      row.next();
      if (!row.getString("encoding").equals("UTF8")) {
        throw new EventStoreException(
            "database %s has the encoding %s, and a store needs UTF8: make another one, by create database … encoding 'UTF8' template template0"
                .formatted(row.getString("name"), row.getString("encoding")));
      }
    }
  }

  /**
   * Checks the database.
   *
   * @throws EventStoreException if the store's promises would not hold there
   */
  public void run(Connection connection) throws SQLException {
    // An eraser reads no events. Before the sequence, because positions are drawn meanwhile.
    long largest =
        isTrue(connection, schema.in(MAY_READ_EVENTS))
            ? number(connection, schema.in(LARGEST_POSITION))
            : 0;
    try (PreparedStatement statement = connection.prepareStatement(schema.in(SEQUENCE));
        ResultSet row = statement.executeQuery()) {
      if (!row.next()) {
        throw refused("has no identity sequence");
      }
      if (row.getLong("seqcache") != 1) {
        throw refused("draws from a sequence with cache " + row.getLong("seqcache") + ", not 1");
      }
      if (row.getBoolean("seqcycle") || row.getLong("seqincrement") != 1) {
        throw refused("draws from a sequence that cycles or does not count up by 1");
      }
      if (!"a".equals(row.getString("attidentity"))) {
        throw refused("is not 'generated always'");
      }
      long lastDrawn = row.getLong("last_value");
      boolean hidden = row.wasNull(); // from a role that may not look at the sequence
      if (!hidden && lastDrawn < largest) {
        throw refused(
            "draws from a sequence at %d, behind the largest position %d"
                .formatted(lastDrawn, largest));
      }
    }
    if (!isTrue(connection, schema.in(IS_EMPTIED_BY_CRASHES))) {
      throw new EventStoreException(
          "table incarnations of schema %s is not unlogged: after a crash subscribers would lose events. Restore it with: alter table \"%s\".incarnations set unlogged"
              .formatted(schema.name(), schema.name()));
    }
    if (isTrue(connection, HAS_CITUS) && isTrue(connection, schema.in(IS_DISTRIBUTED))) {
      throw new EventStoreException(
          "table events of schema %s is distributed: the locks that the global order depends on"
                  .formatted(schema.name())
              + " cannot be seen across nodes, so subscribers would lose events");
    }
  }

  private static boolean isTrue(Connection connection, String question) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(question);
        ResultSet row = statement.executeQuery()) {
      row.next();
      return row.getBoolean(1);
    }
  }

  private static long number(Connection connection, String question) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(question);
        ResultSet row = statement.executeQuery()) {
      row.next();
      return row.getLong(1);
    }
  }

  private EventStoreException refused(String what) {
    return new EventStoreException(
        "column position of table events in schema %s %s: subscribers would lose events"
            .formatted(schema.name(), what));
  }
}
