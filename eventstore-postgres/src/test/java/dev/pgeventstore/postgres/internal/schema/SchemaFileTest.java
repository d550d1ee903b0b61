package dev.pgeventstore.postgres.internal.schema;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.EmptyDatabase;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.Statement;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * What the scripts of {@code db} make is what {@code db/schema.txt} says, so that a review sees
 * every change of the schema: tables, functions and rights. What functions do is not in it, nor are
 * the owner's rights, which are all.
 */
@EmptyDatabase
@ExtendWith(PostgresExtension.class)
class SchemaFileTest {

  private static final Path FILE = Path.of("../db/schema.txt");
  private static final String RENEW = "schema.renew";

  private static final String DESCRIBE =
      """
      with relations as (
        select c.*, t.reloptions as toast_options
          from pg_class as c
          left join pg_class as t on t.oid = c.reltoastrelid
         where c.relnamespace = '$schema'::regnamespace
           and c.relkind in ('r', 'p', 'v', 'm', 'S')
           and c.relname <> 'schema_history'),
      functions as (
        select p.*, pg_get_function_arguments(p.oid) as arguments
          from pg_proc as p
         where p.pronamespace = '$schema'::regnamespace),
      -- MAINTAIN is of PostgreSQL 17 and newer.
      granted (kind, name, detail, privilege, columns, role) as (
        select 1, 'schema', '', g.privilege_type, '', g.grantee
          from pg_namespace as n, aclexplode(n.nspacl) as g
         where n.oid = '$schema'::regnamespace and g.grantee <> n.nspowner
        union all
        select 2, r.relname, '', g.privilege_type, '', g.grantee
          from relations as r, aclexplode(r.relacl) as g
         where g.grantee <> r.relowner and g.privilege_type <> 'MAINTAIN'
        union all
        select 2, r.relname, '', g.privilege_type,
               ' (' || string_agg(a.attname, ', ' order by a.attnum) || ')', g.grantee
          from relations as r
          join pg_attribute as a on a.attrelid = r.oid, aclexplode(a.attacl) as g
         group by r.relname, g.privilege_type, g.grantee
        union all
        select 3, f.proname, f.arguments, g.privilege_type, '', g.grantee
          from functions as f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as g
         where g.grantee <> f.proowner),
      lines (kind, name, detail, part, item, line) as (
        select 1, 'schema', '', 0, '', 'schema'
        union all
        select distinct 1, 'schema', '', 6, m.rolname || r.rolname,
               regexp_replace('  ' || m.rolname || ' may what ' || r.rolname || ' may',
                              '$schema_', '', 'g')
          from pg_auth_members as a
          join pg_roles as m on m.oid = a.member
          join pg_roles as r on r.oid = a.roleid
         where m.rolname like '$schema\\_%' and r.rolname like '$schema\\_%'
        union all
        select 2, r.relname, '', 0, '',
               case when r.relpersistence = 'u' then 'unlogged ' else '' end
                 || case r.relkind when 'S' then 'sequence ' when 'r' then 'table ' else 'view ' end
                 || r.relname
                 || coalesce(' with ' || array_to_string(r.reloptions, ', '), '')
                 || coalesce(' toast with ' || array_to_string(r.toast_options, ', '), '')
          from relations as r
        union all
        select 2, r.relname, '', 1, to_char(a.attnum, '000'),
               '  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                 || case when a.attcollation <> t.typcollation
                         then ' collate ' || a.attcollation::regcollation else '' end
                 || case when a.attstorage <> t.typstorage
                         then ' storage ' || a.attstorage::text else '' end
                 || case when a.attnotnull then ' not null' else '' end
                 || case a.attidentity when '' then '' else ' identity ' || a.attidentity::text end
                 || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
          from relations as r
          join pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
          join pg_type as t on t.oid = a.atttypid
          left join pg_attrdef as d on d.adrelid = r.oid and d.adnum = a.attnum
         where r.relkind <> 'S'
        union all
        select 2, r.relname, '', 2, c.conname,
               '  constraint ' || c.conname || ' ' || pg_get_constraintdef(c.oid)
          from relations as r
          join pg_constraint as c on c.conrelid = r.oid and c.contype <> 'n'
        union all
        select 2, r.relname, '', 3, i.indexrelid::regclass::text, '  ' || pg_get_indexdef(i.indexrelid)
          from relations as r
          join pg_index as i on i.indrelid = r.oid
         where not exists (select from pg_constraint as c where c.conindid = i.indexrelid
                            and c.conrelid = r.oid)
        union all
        select 2, r.relname, '', 4, t.tgname, '  ' || pg_get_triggerdef(t.oid)
          from relations as r
          join pg_trigger as t on t.tgrelid = r.oid and not t.tgisinternal
        union all
        select 3, f.proname, f.arguments, 0, '',
               'function ' || f.proname || E'\\n'
                 || case f.arguments when '' then ''
                         else '    ' || replace(f.arguments, ', ', E'\\n    ') || E'\\n' end
                 || '  returns ' || pg_get_function_result(f.oid) || E'\\n'
                 || '  ' || (select l.lanname from pg_language as l where l.oid = f.prolang)
                 || case f.provolatile when 'i' then ' immutable' when 's' then ' stable'
                         else ' volatile' end
                 || case when f.proisstrict then ' strict' else '' end
                 || case f.proparallel when 's' then ' parallel safe' else '' end
                 || case when f.prosecdef then ' security definer' else '' end
                 || coalesce(E'\\n  set ' || array_to_string(f.proconfig, E'\\n  set '), '')
          from functions as f
        union all
        select g.kind, g.name, g.detail, 5, g.privilege || g.columns,
               '  grant ' || lower(g.privilege) || g.columns || ' to '
                 || string_agg(coalesce(regexp_replace(a.rolname, '^$schema_', ''), 'public'), ', '
                               order by a.rolname)
          from granted as g
          left join pg_roles as a on a.oid = g.role
         where g.role <> '$schema_owner'::regrole
         group by g.kind, g.name, g.detail, g.privilege, g.columns)
      select string_agg(l.line, E'\\n' order by l.kind, l.name collate "C", l.detail collate "C", l.part,
                                                l.item collate "C")
        from lines as l
      """;

  @Test
  void the_scripts_create_the_schema_that_the_file_describes(Database database) throws Exception {
    // Roles belong to the whole server.
    String schema = "d" + Long.toString(System.nanoTime(), 36);
    new Migrator(database.dataSource(), new Schema(schema)).apply();
    String description;
    try (Connection connection = database.open();
        Statement statement = connection.createStatement();
        InputStream roles = getClass().getResourceAsStream("/dev/pgeventstore/db/roles.sql")) {
      statement.execute(
          new String(roles.readAllBytes(), StandardCharsets.UTF_8).replace("${schema}", schema));
      try (ResultSet row = statement.executeQuery(DESCRIBE.replace("$schema", schema))) {
        row.next();
        description = row.getString(1).replace(schema, "eventstore") + '\n';
      }
    }
    if (Boolean.getBoolean(RENEW)) {
      Files.writeString(FILE, description);
    }
    assertThat(description)
        .as(
            "the schema is not the one of db/schema.txt. If that is intended, renew the file and commit it with the change: ./mvnw -pl eventstore-postgres -am verify -Dtest=%s -Dsurefire.failIfNoSpecifiedTests=false -D%s=true",
            getClass().getSimpleName(), RENEW)
        .isEqualTo(Files.readString(FILE));
  }
}
