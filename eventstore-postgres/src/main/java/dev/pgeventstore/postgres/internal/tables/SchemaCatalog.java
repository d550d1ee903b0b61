package dev.pgeventstore.postgres.internal.tables;

import java.sql.Array;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;

/**
 * The contents of a schema, and the version that it reports. Reads only what every role of the
 * database may read, and reports which rights this role lacks.
 */
public final class SchemaCatalog {

  // Catalogs instead of regclass, which fails for a role without rights on the schema. One
  // statement, so that a concurrent migration is seen completely or not at all.
  private static final String LOOK =
      """
      select n.oid is not null as present,
             coalesce(has_schema_privilege(n.oid, 'usage'), false) as may_use,
             history.oid is not null as has_history,
             coalesce(has_table_privilege(history.oid, 'select'), false) as may_read_history,
             version.oid is not null as has_version,
             coalesce(has_function_privilege(version.oid, 'execute'), false) as may_ask_version,
             (select coalesce(array_agg(o.what order by o.what), '{}')
                from (select 'table ' || c.relname from pg_class as c
                       where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'f')
                         and not exists (select from pg_depend as d
                                          where d.classid = 'pg_class'::regclass and d.objid = c.oid
                                            and d.deptype = 'e')
                      union all
                      select case c.relkind when 'S' then 'sequence ' else 'view ' end || c.relname
                        from pg_class as c
                       where c.relnamespace = n.oid and c.relkind in ('v', 'm', 'S')
                         and not exists (select from pg_depend as d
                                          where d.classid = 'pg_class'::regclass and d.objid = c.oid
                                            and d.deptype in ('e', 'a', 'i'))
                      union all
                      select distinct 'function ' || p.proname from pg_proc as p
                       where p.pronamespace = n.oid
                         and not exists (select from pg_depend as d
                                          where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                                            and d.deptype = 'e')
                      union all
                      select 'type ' || t.typname from pg_type as t
                       where t.typnamespace = n.oid and t.typtype in ('d', 'e', 'r')
                         and not exists (select from pg_depend as d
                                          where d.classid = 'pg_type'::regclass and d.objid = t.oid
                                            and d.deptype = 'e')) as o (what)) as objects
        from (values (?)) as wanted (name)
        left join pg_namespace as n on n.nspname = wanted.name
        left join pg_class as history
          on history.relnamespace = n.oid and history.relname = 'schema_history'
         and history.relkind = 'r'
        left join pg_proc as version
          on version.pronamespace = n.oid and version.proname = 'schema_version'
         and version.pronargs = 0
      """;

  private static final String VERSION =
      """
      select version, serves_from
        from $schema.schema_version()
      """;

  private final Schema schema;

  public SchemaCatalog(Schema schema) {
    this.schema = schema;
  }

  /** Reads the contents. */
  public Sight look(Connection connection) throws SQLException {
    return Statements.one(
        connection,
        LOOK,
        row ->
            new Sight(
                row.getBoolean("present"),
                row.getBoolean("may_use"),
                row.getBoolean("has_history"),
                row.getBoolean("may_read_history"),
                row.getBoolean("has_version"),
                row.getBoolean("may_ask_version"),
                strings(row.getArray("objects"))),
        schema.name());
  }

  private static List<String> strings(Array array) throws SQLException {
    return List.of((String[]) array.getArray());
  }

  /** The version that the schema reports. */
  public Version version(Connection connection) throws SQLException {
    return Statements.one(
        connection,
        schema.in(VERSION),
        row -> new Version(row.getInt("version"), row.getInt("serves_from")));
  }

  /**
   * The contents of a schema.
   *
   * @param present whether the schema exists
   * @param mayUse whether this role may use anything in it
   * @param hasHistory whether it has Flyway's table
   * @param mayReadHistory whether this role may read that table
   * @param hasVersion whether it has a function that reports its version
   * @param mayAskVersion whether this role may call that function
   * @param objects all objects in the schema, such as {@code table events}
   */
  public record Sight(
      boolean present,
      boolean mayUse,
      boolean hasHistory,
      boolean mayReadHistory,
      boolean hasVersion,
      boolean mayAskVersion,
      List<String> objects) {}

  /**
   * A schema's version.
   *
   * @param version the version of its last migration
   * @param servesFrom the version of the oldest program that works with it
   */
  public record Version(int version, int servesFrom) {}
}
