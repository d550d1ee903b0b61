package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What owners of a lease leave for the next one. */
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

  private final String ofLease;
  private final String note;
  private final String replace;

  public LeaseNotesTable(Schema schema) {
    this.ofLease = schema.in(OF_LEASE);
    this.note = schema.in(NOTE);
    this.replace = schema.in(REPLACE);
  }

  /** All notes of a lease, by key. */
  public Map<String, String> of(Connection connection, SubscriptionsTable.Key lease)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(ofLease)) {
      statement.setString(1, lease.name());
      statement.setInt(2, lease.partition());
      Map<String, String> notes = new TreeMap<>();
      try (ResultSet row = statement.executeQuery()) {
        while (row.next()) {
          notes.put(row.getString(1), row.getString(2));
        }
      }
      return notes;
    }
  }

  /**
   * Changes notes: all of them or none.
   *
   * @param changes by key; null takes a note away
   * @return false if the tenure is over
   */
  public boolean note(
      Connection connection,
      SubscriptionsTable.Tenure tenure,
      Map<String, @Nullable String> changes)
      throws SQLException {
    String[] keys = changes.keySet().toArray(String[]::new);
    @Nullable String[] values = new @Nullable String[keys.length];
    for (int i = 0; i < keys.length; i++) {
      values[i] = changes.get(keys[i]);
    }
    try (PreparedStatement statement = connection.prepareStatement(note)) {
      statement.setString(1, tenure.key().name());
      statement.setInt(2, tenure.key().partition());
      statement.setString(3, tenure.owner());
      statement.setLong(4, tenure.epoch());
      statement.setArray(5, connection.createArrayOf("text", keys));
      statement.setArray(6, connection.createArrayOf("text", values));
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getBoolean(1);
      }
    }
  }

  /**
   * Replaces one note, for good.
   *
   * @param expected what it is; null for none
   * @return false if the tenure is over, the incarnation is another, or the note is
   */
  public boolean replace(
      Connection connection,
      SubscriptionsTable.Tenure tenure,
      String incarnation,
      String key,
      @Nullable String expected,
      String value)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(replace)) {
      statement.setString(1, tenure.key().name());
      statement.setInt(2, tenure.key().partition());
      statement.setString(3, tenure.owner());
      statement.setLong(4, tenure.epoch());
      statement.setString(5, incarnation);
      statement.setString(6, key);
      statement.setString(7, expected);
      statement.setString(8, value);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getBoolean(1);
      }
    }
  }
}
