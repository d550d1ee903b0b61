package dev.pgeventstore.postgres.internal.schema;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.postgres.internal.tables.PooledConnections;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.postgres.internal.tables.SchemaCatalog.Version;
import dev.pgeventstore.postgres.internal.tables.SchemaHistoryTable;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.io.IOException;
import java.net.URL;
import java.sql.SQLException;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.configuration.FluentConfiguration;

/**
 * Applies or checks the migrations, in the store's schema and with a history table of its own.
 * Flyway applies them. Obstacles are found before it runs, because its messages advise options that
 * cannot be set here, and the checks need no more than a role of db/roles.sql may do.
 */
public final class Migrator {

  private final DataSource dataSource;
  private final Schema schema;
  private final MigrationScripts scripts;

  /**
   * Loads the scripts.
   *
   * @throws IllegalStateException if one is missing
   */
  public Migrator(DataSource dataSource, Schema schema) {
    this(dataSource, schema, MigrationScripts.load());
  }

  /** With the scripts of another version of the program. */
  Migrator(DataSource dataSource, Schema schema, MigrationScripts scripts) {
    this.dataSource = dataSource;
    this.schema = schema;
    this.scripts = scripts;
  }

  /** Applies what is missing. A schema that was migrated by hand is adopted at its version. */
  public void apply() {
    SchemaState state = look();
    SchemaComparison comparison = new SchemaComparison(state, scripts);
    refuse(comparison.whyNotToApply());
    if (comparison.isComplete()) {
      // Flyway would find the same, and take longer than everything else that a store begins with.
      return;
    }
    FluentConfiguration configuration = configuration();
    Version version = state.version();
    if (state.isMigratedByHand() && version != null) {
      configuration
          .baselineOnMigrate(true)
          .baselineVersion(Integer.toString(version.version()))
          .baselineDescription("migrated by hand");
    }
    try {
      configuration.load().migrate();
    } catch (FlywayException e) {
      throw new EventStoreException(
          "schema %s cannot be migrated: %s".formatted(schema.name(), e.getMessage()), e);
    }
    validate();
  }

  private FluentConfiguration configuration() {
    return Flyway.configure(new WithoutCallbacks(Migrator.class.getClassLoader()))
        .dataSource(FlywayConnections.of(dataSource))
        .resourceProvider(scripts)
        .javaMigrationClassProvider(List::of)
        .locations(new String[0])
        .schemas(schema.name())
        .defaultSchema(schema.name())
        .createSchemas(true)
        .table(SchemaHistoryTable.NAME)
        .placeholders(Map.of("schema", schema.name()))
        .validateOnMigrate(false)
        .cleanDisabled(true);
  }

  /** Refuses a schema that is missing, too old, too new or changed. */
  public void validate() {
    refuse(new SchemaComparison(look(), scripts).whyNotToUse());
  }

  /** Refuses a schema for which this program is too old or too new. */
  public void requireServed() {
    refuse(new SchemaComparison(look(), scripts).whyNotServed());
  }

  private SchemaState look() {
    try {
      return new PooledConnections(dataSource)
          .use(connection -> SchemaState.read(connection, schema));
    } catch (SQLException e) {
      throw SqlErrors.of("schema " + schema.name() + " cannot be checked", e);
    }
  }

  private void refuse(Optional<String> reason) {
    reason.ifPresent(
        what -> {
          throw new EventStoreException("schema %s %s".formatted(schema.name(), what));
        });
  }

  /**
   * Hides the callbacks of an application, which are for the application's own schema. Flyway looks
   * for them whatever its configuration says.
   */
  private static final class WithoutCallbacks extends ClassLoader {

    private static final String PLACE = "db/callback";

    WithoutCallbacks(ClassLoader all) {
      super(all);
    }

    @Override
    public Enumeration<URL> getResources(String name) throws IOException {
      return name.startsWith(PLACE) ? Collections.emptyEnumeration() : super.getResources(name);
    }
  }
}
