package dev.pgeventstore.postgres.internal.schema;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.postgres.internal.tables.Schema;
import java.util.Map;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;

/** Applies or checks the migrations, in the store's schema and with a history table of its own. */
public final class Migrator {

  private final Flyway flyway;
  private final Schema schema;

  public Migrator(DataSource dataSource, Schema schema) {
    this.schema = schema;
    this.flyway =
        Flyway.configure()
            .dataSource(FlywayConnections.of(dataSource))
            .locations("classpath:dev/pgeventstore/db/migration")
            .schemas(schema.name())
            .defaultSchema(schema.name())
            .createSchemas(true)
            .table("schema_history")
            .placeholders(Map.of("schema", schema.name()))
            .cleanDisabled(true)
            .load();
  }

  /** Applies what is missing. */
  public void apply() {
    try {
      flyway.migrate();
    } catch (FlywayException e) {
      throw failed("cannot be migrated", e);
    }
  }

  /** Refuses a schema that is behind, ahead or changed. */
  public void validate() {
    try {
      flyway.validate();
    } catch (FlywayException e) {
      throw failed("is not as this version needs it; migrate it first", e);
    }
  }

  private EventStoreException failed(String what, FlywayException e) {
    return new EventStoreException(
        "schema %s %s: %s".formatted(schema.name(), what, e.getMessage()), e);
  }
}
