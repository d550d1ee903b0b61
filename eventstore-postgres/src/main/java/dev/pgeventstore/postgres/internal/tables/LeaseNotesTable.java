package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Notes that the owner of a lease leaves for the next owner. */
public final class LeaseNotesTable {

  private static final String OF_LEASE =
      """
      select key, value
        from $schema.lease_notes
       where name = ?
         and partition = ?
      """;

  private static final String NOTE = "select $schema.note_in_lease(?, ?, ?, ?, ?, ?)";

  private static final String REPLACE =
      "select $schema.replace_note_in_lease(?, ?, ?, ?, ?, ?, ?, ?)";

  private final Schema schema;

  public LeaseNotesTable(Schema schema) {
    this.schema = schema;
  }

  /** Reads all notes of a lease, by key. */
  public Map<String, String> of(Connection connection, LeaseKey lease) throws SQLException {
    Map<String, String> notes = new TreeMap<>();
    Statements.all(
        connection,
        schema.in(OF_LEASE),
        row -> notes.put(row.getString(1), row.getString(2)) == null,
        lease.name(),
        lease.partition());
    return notes;
  }

  /**
   * Changes notes: all of them or none.
   *
   * @param changes the new notes by key; null removes a note
   * @return false if the tenure is over
   */
  public boolean note(Connection connection, Tenure tenure, Map<String, @Nullable String> changes)
      throws SQLException {
    return Statements.one(
        connection,
        schema.in(NOTE),
        row -> row.getBoolean(1),
        tenure.key().name(),
        tenure.key().partition(),
        tenure.owner(),
        tenure.epoch(),
        connection.createArrayOf("text", changes.keySet().toArray(String[]::new)),
        connection.createArrayOf("text", changes.values().toArray(String[]::new)));
  }

  /**
   * Replaces one note durably.
   *
   * @param expected the current note; null for none
   * @return false if the tenure is over, or the incarnation or the note is another one
   */
  public boolean replace(
      Connection connection,
      Tenure tenure,
      String incarnation,
      String key,
      @Nullable String expected,
      String value)
      throws SQLException {
    return Statements.one(
        connection,
        schema.in(REPLACE),
        row -> row.getBoolean(1),
        tenure.key().name(),
        tenure.key().partition(),
        tenure.owner(),
        tenure.epoch(),
        incarnation,
        key,
        expected,
        value);
  }
}
