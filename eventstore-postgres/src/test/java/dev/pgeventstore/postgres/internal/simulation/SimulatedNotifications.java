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
import java.util.Set;

/** Listens on a connection of the simulated server. */
record SimulatedNotifications(SimulatedPostgres postgres, SimulatedScheduler.Node client)
    implements Notifications {

  static final String CHANNEL = "channel";

  @Override
  public void send(Connection connection, List<Notification> notifications) throws SQLException {
    for (Notification notification : notifications) {
      try (PreparedStatement statement = connection.prepareStatement(SimulatedStatements.NOTIFY)) {
        statement.setString(1, notification.payload());
        statement.execute();
      }
    }
  }

  @Override
  public Optional<Hearing> listen() throws SQLException {
    Session session = postgres.connect(client);
    session.listen();
    return Optional.of(
        new Hearing() {
          @Override
          public void to(Set<String> channels) {
            // There is one.
          }

          @Override
          public List<Notification> next(Duration atMost) throws SQLException {
            return session.hear(atMost.toNanos()).stream()
                .map(payload -> new Notification(CHANNEL, payload))
                .toList();
          }

          @Override
          public void close() {
            session.close();
          }
        });
  }
}
