package dev.pgeventstore.postgres.internal.tables;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/** What projections do with the checkpoints and the parked events of their subscriptions. */
public final class ProjectionCheckpoints {

  private static final String REACHED =
      """
      select count(*), coalesce(min(position), 0), coalesce(max(position), 0),
             bool_or(stopped_at is not null), max(error) filter (where stopped_at is not null),
             (select count(*) from $schema.parked_events as p where p.name = ?)
        from $schema.subscriptions
       where name = ?
      """;

  // All of them, so that partitions are not divided anew either. Leases are renewed without
  // waiting.
  private static final String HOLD =
      """
      select position
        from $schema.subscriptions
       where name = ?
       order by partition
         for no key update
      """;

  // The checkpoints last: who parks an event needs his to come to an end.
  private static final List<String> REMOVE =
      List.of(
          "delete from $schema.parked_events where name = ?",
          "delete from $schema.parked_streams where name = ?",
          "delete from $schema.subscription_members where name = ?",
          "delete from $schema.subscriptions where name = ?");

  private final String reached;
  private final String hold;
  private final List<String> remove;

  public ProjectionCheckpoints(Schema schema) {
    this.reached = schema.in(REACHED);
    this.hold = schema.in(HOLD);
    this.remove = REMOVE.stream().map(schema::in).toList();
  }

  /** How far all partitions of a subscription have come. */
  public Reached reached(Connection connection, String subscription) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(reached)) {
      statement.setString(1, subscription);
      statement.setString(2, subscription);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return new Reached(
            row.getInt(1),
            row.getLong(2),
            row.getLong(3),
            row.getBoolean(4),
            Optional.ofNullable(row.getString(5)),
            row.getLong(6));
      }
    }
  }

  /**
   * Keeps all partitions of a subscription from moving until the transaction ends.
   *
   * @return where the one stands that has come furthest
   */
  public long hold(Connection connection, String subscription) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(hold)) {
      statement.setString(1, subscription);
      long furthest = 0;
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          furthest = Math.max(furthest, rows.getLong(1));
        }
      }
      return furthest;
    }
  }

  /** Removes a subscription, and what it has parked: whoever runs it writes nothing any more. */
  public void remove(Connection connection, String subscription) throws SQLException {
    for (String sql : remove) {
      try (PreparedStatement statement = connection.prepareStatement(sql)) {
        statement.setString(1, subscription);
        statement.executeUpdate();
      }
    }
  }

  /**
   * How far the partitions of a subscription have come.
   *
   * @param partitions how many there are; 0 if it was never started
   * @param lowest where the one stands that is furthest behind
   * @param furthest where the one stands that has come furthest
   * @param stopped whether it was stopped by an error
   * @param error which one
   * @param parked how many events are parked
   */
  public record Reached(
      int partitions,
      long lowest,
      long furthest,
      boolean stopped,
      Optional<String> error,
      long parked) {}
}
