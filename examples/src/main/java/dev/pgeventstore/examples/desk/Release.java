package dev.pgeventstore.examples.desk;

import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Objects;
import javax.sql.DataSource;

/**
 * Prepares the database before a version of the program starts. It needs the rights of the owner.
 */
final class Release {

  static final String SCHEMA = "desk";

  private static final String LOGINS =
      """
      do $$
      begin
        if not exists (select from pg_roles where rolname = 'desk_app') then
          create role desk_app login;
          create role desk_privacy login;
        end if;
      end
      $$;
      grant desk_writer to desk_app;
      grant desk_eraser to desk_privacy;
      grant select, insert, update, delete on public.open_tickets to desk_app;
      """;

  private Release() {}

  // tag::release[]
  /** Migrates, and grants the program's roles their rights. Can be run at every release. */
  static void prepare(DataSource owner) throws SQLException, IOException {
    // Building a store with Migrations.APPLY, the default, migrates. No event is read or written.
    PostgresEventStore.builder(owner)
        .schema(SCHEMA)
        .codec(JacksonCodec.of(EventTypes.none()))
        .build()
        .close();
    try (Connection connection = owner.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(OpenTickets.CREATE);
      statement.execute(rolesScript().replace("${schema}", SCHEMA));
      statement.execute(LOGINS); // grant desk_writer to desk_app; grant desk_eraser to …
    }
  }

  /** {@code db/roles.sql}, from the jar {@code eventstore-db}. */
  private static String rolesScript() throws IOException {
    try (InputStream script =
        PostgresEventStore.class.getResourceAsStream("/dev/pgeventstore/db/roles.sql")) {
      return new String(Objects.requireNonNull(script).readAllBytes(), StandardCharsets.UTF_8);
    }
  }
  // end::release[]
}
