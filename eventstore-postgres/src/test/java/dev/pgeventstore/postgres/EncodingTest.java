package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Databases that cannot hold every text. */
@ExtendWith(PostgresExtension.class)
class EncodingTest {

  private static PostgresEventStore build(Database database, Migrations migrations) {
    return PostgresEventStore.builder(database.dataSource())
        .codec(JacksonCodec.of(EventTypes.none()))
        .migrations(migrations)
        .build();
  }

  @ParameterizedTest
  @ValueSource(strings = {"LATIN1", "SQL_ASCII", "WIN1252"})
  void a_database_with_another_encoding_than_utf8_is_refused_before_anything_is_made_there(
      String encoding, Database database) throws SQLException {
    try (Connection connection = database.open()) {
      String name = TestStore.query(connection, "select current_database()") + "_other";
      TestStore.execute(
          connection,
          "create database %s encoding '%s' locale 'C' template template0"
              .formatted(name, encoding));
      Database other = new Database(database.url().replaceFirst("/[^/?]+\\?", "/" + name + "?"));
      try {
        for (Migrations migrations : Migrations.values()) {
          assertThatThrownBy(() -> build(other, migrations))
              .isInstanceOf(EventStoreException.class)
              .hasMessageContaining(name)
              .hasMessageContaining(encoding)
              .hasMessageContaining("encoding 'UTF8'");
        }
        try (Connection there = other.open()) {
          assertThat(
                  TestStore.query(
                      there, "select count(*) from pg_namespace where nspname = 'eventstore'"))
              .isEqualTo("0");
        }
      } finally {
        TestStore.execute(connection, "drop database " + name);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_database_in_utf8_is_accepted(Migrations migrations, Database database) {
    build(database, Migrations.APPLY).close();
    build(database, migrations).close();
  }
}
