package dev.pgeventstore.postgres.internal.fence;

import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import dev.pgeventstore.postgres.internal.tables.PooledConnections;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connection that fences are observed through. It goes back to its pool as it came. Not safe
 * for several threads.
 */
public final class ObserversConnection implements FenceView {

  private static final Logger LOG = LoggerFactory.getLogger(ObserversConnection.class);

  private final DataSource dataSource;
  private final Duration patience;

  /** Less than that of the connection, so that it breaks only if cancelling does not help. */
  private final Duration statementPatience;

  private @Nullable Connection connection;
  private boolean autoCommit = true;
  private int networkTimeout;

  /**
   * @param patience how long an answer may take; then the server, or the way to it, counts as dead,
   *     and the connection is closed; 2 s or more
   */
  public ObserversConnection(DataSource dataSource, Duration patience) {
    this.dataSource = dataSource;
    this.patience = patience;
    this.statementPatience = patience.minusSeconds(1);
  }

  @Override
  public Observation observe(FenceFunction fence) throws SQLException {
    return fence.observe(get(), statementPatience);
  }

  @Override
  public List<Observation> observeAll(List<FenceFunction> fences) throws SQLException {
    return FenceFunction.observeAll(get(), fences, statementPatience);
  }

  @Override
  public long settled(FenceFunction fence) throws SQLException {
    return fence.settled(get(), statementPatience);
  }

  /**
   * In auto-commit mode, whatever the pool gives: a transaction around the observations would keep
   * its locks while nothing happens, and could keep to its first snapshot, so the mark would stand.
   */
  private Connection get() throws SQLException {
    Connection used = connection;
    if (used == null) {
      used = PooledConnections.take(dataSource);
      connection = used;
      networkTimeout = used.getNetworkTimeout();
      autoCommit = used.getAutoCommit();
      used.setNetworkTimeout(Runnable::run, Math.toIntExact(patience.toMillis()));
      used.setAutoCommit(true);
    }
    return used;
  }

  @Override
  public void connect() throws SQLException {
    Connection unused = get();
  }

  @Override
  public boolean isConnected() {
    return connection != null;
  }

  @Override
  public void release() {
    Connection used = connection;
    connection = null;
    if (used != null) {
      try (used) {
        if (!used.isClosed()) {
          used.setAutoCommit(autoCommit);
          used.setNetworkTimeout(Runnable::run, networkTimeout);
        }
      } catch (SQLException | RuntimeException e) {
        // Also what a pool throws unchecked: it must not end the observer of all schemas.
        LOG.debug("Closing the observer's connection failed", e);
      }
    }
  }
}
