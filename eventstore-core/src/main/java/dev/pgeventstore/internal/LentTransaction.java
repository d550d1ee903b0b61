package dev.pgeventstore.internal;

import dev.pgeventstore.EventStoreException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A transaction that is lent to the application's code, such as a handler. What that writes is to
 * commit together with a checkpoint, so it must not end the transaction.
 *
 * <p>Two things keep it from that. Its connection refuses everything that would. And a setting that
 * lasts as long as the transaction is made when that connection is first used: if the transaction
 * was ended all the same, by a statement or past the connection, the setting is gone, and what
 * requires it moves no checkpoint (docs/adr/0016). For one thread.
 */
public final class LentTransaction {

  /** A condition with one parameter, the {@link #token}: the transaction was not ended. */
  public static final String IS_OPEN =
      "pg_catalog.current_setting('pgeventstore.lent_to', true) = ?";

  // Not by set_config: a query would keep the borrower from setting the isolation level.
  private static final String BEGIN = "set local pgeventstore.lent_to = '%s'";

  private static final String ASK = "select " + IS_OPEN;

  private static final int PATIENCE_SECONDS = 5;

  private final Connection lent;
  private final String borrower;
  private final @Nullable String token;
  private final GuardedConnection guarded;

  LentTransaction(Connection lent, String borrower, @Nullable String token) {
    this.lent = lent;
    this.borrower = borrower;
    this.token = token;
    this.guarded = new GuardedConnection(lent, borrower, this::begin);
  }

  private void begin() throws SQLException {
    if (token != null) {
      try (PreparedStatement statement = lent.prepareStatement(BEGIN.formatted(token))) {
        statement.execute();
      }
    }
  }

  /**
   * What the borrower is given.
   *
   * @return a connection that refuses to end the transaction
   */
  public Connection connection() {
    return guarded.asConnection();
  }

  /**
   * What {@link #IS_OPEN} asks for.
   *
   * @return empty if the connection was not used: then there is nothing that could be lost
   */
  public Optional<String> token() {
    return guarded.isUsed() ? Optional.ofNullable(token) : Optional.empty();
  }

  /**
   * The borrower has returned. Its connection is of no use any more.
   *
   * @throws EventStoreException if it has closed the wrapped connection
   * @throws SQLException if that cannot be determined
   */
  public void takeBack() throws SQLException {
    guarded.end();
    if (guarded.isUsed() && isClosed()) {
      throw ended();
    }
  }

  /** A pool's connection does not know that the one it wraps was closed. */
  private boolean isClosed() throws SQLException {
    return lent.isClosed()
        || (lent.isWrapperFor(Connection.class) && lent.unwrap(Connection.class).isClosed());
  }

  /**
   * Asks the server whether the connection is still of use.
   *
   * @return false if it is lost, or was closed
   */
  public boolean isAlive() {
    try {
      return !isClosed() && lent.isValid(PATIENCE_SECONDS);
    } catch (SQLException e) {
      return false;
    }
  }

  /**
   * Requires that the transaction is still open.
   *
   * @throws EventStoreException if the borrower has ended it
   * @throws SQLException if the database cannot be asked
   */
  public void requireOpen() throws SQLException {
    if (token().isPresent() && !isOpen(token().get())) {
      throw ended();
    }
  }

  private boolean isOpen(String expected) throws SQLException {
    try (PreparedStatement statement = lent.prepareStatement(ASK)) {
      statement.setString(1, expected);
      try (ResultSet row = statement.executeQuery()) {
        row.next();
        return row.getBoolean(1);
      }
    }
  }

  /**
   * What is thrown when the borrower has ended the transaction.
   *
   * @return says what happened and what to do
   */
  public EventStoreException ended() {
    return new EventStoreException(
        "%s has ended the transaction that it was lent: by a commit, a rollback, auto-commit, or by closing the connection. Nothing is lost, since nothing moves on, and it will be done again; but what it has committed by itself stays, and will then be there twice"
            .formatted(borrower));
  }
}
