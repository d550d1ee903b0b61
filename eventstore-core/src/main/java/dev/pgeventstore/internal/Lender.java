package dev.pgeventstore.internal;

import java.sql.Connection;
import java.util.UUID;

/**
 * Lends transactions to one piece of the application's code. Safe for many threads.
 *
 * <p>The token only marks a setting as the lender's. The setting lasts no longer than the
 * transaction. So it need not change, and the statement that sets it stays prepared.
 */
public final class Lender {

  private final String borrower;
  private final String token = UUID.randomUUID().toString();
  private final boolean notices;

  private Lender(String borrower, boolean notices) {
    this.borrower = borrower;
    this.notices = notices;
  }

  /**
   * Lends transactions of PostgreSQL, whose end is noticed, however they are ended.
   *
   * @param borrower what gets the connection, as messages name it
   * @return the lender
   */
  public static Lender to(String borrower) {
    return new Lender(borrower, true);
  }

  /**
   * Lends transactions of any database, or such whose end is noticed otherwise: the connection
   * refuses to end them, and that is all.
   *
   * @param borrower what gets the connection, as messages name it
   * @return the lender
   */
  public static Lender refusing(String borrower) {
    return new Lender(borrower, false);
  }

  /**
   * Lends a transaction.
   *
   * @param connection with auto-commit off
   * @return what the borrower gets its connection of
   */
  public LentTransaction lend(Connection connection) {
    return new LentTransaction(connection, borrower, notices ? token : null);
  }
}
