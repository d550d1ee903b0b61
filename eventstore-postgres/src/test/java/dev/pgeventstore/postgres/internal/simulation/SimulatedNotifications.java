package dev.pgeventstore.postgres.internal.simulation;

import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Session;
import dev.pgeventstore.postgres.internal.tables.Notifications;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Listens on a connection of the simulated server. */
record SimulatedNotifications(SimulatedPostgres postgres, SimulatedScheduler.Node client)
    implements Notifications {

  @Override
  public void send(Connection connection, String payload) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(SimulatedStatements.NOTIFY)) {
      statement.setString(1, payload);
      statement.execute();
    }
  }

  @Override
  public Optional<Hearing> listen() throws SQLException {
    Session session = postgres.connect(client);
    session.listen();
    return Optional.of(
        new Hearing() {
          @Override
          public List<String> next(Duration atMost) throws SQLException {
            return session.hear(atMost.toNanos());
          }

          @Override
          public void close() {
            session.close();
          }
        });
  }
}
