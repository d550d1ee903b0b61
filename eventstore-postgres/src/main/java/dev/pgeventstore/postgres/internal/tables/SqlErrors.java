package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.internal.SqlFailure;
import java.sql.SQLException;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.postgresql.util.PSQLException;

/** Classifies failures by their SQLSTATE, never by their text. */
public final class SqlErrors {

  private static final Set<String> NOT_TEXT = Set.of("22P02", "22021", "22P05");
  private static final Set<String> NO_SUCH_OBJECT = Set.of("42P01", "42883", "3F000", "42703");

  private SqlErrors() {}

  private static String state(SQLException e) {
    String state = e.getSQLState();
    return state == null ? "" : state;
  }

  /**
   * Whether the connection or the server was lost: the last statement may have been carried out or
   * not.
   */
  public static boolean isConnectionLost(SQLException e) {
    return SqlFailure.isAnswerLost(e);
  }

  /**
   * Whether this is a serialization failure or a deadlock: nothing was done, and a retry may
   * succeed.
   */
  public static boolean isRolledBackByRace(SQLException e) {
    return SqlFailure.of(e) == SqlFailure.RACE;
  }

  /** Whether another transaction held a lock for longer than the statement waited. */
  public static boolean isLockNotAvailable(SQLException e) {
    return state(e).equals("55P03");
  }

  /** Whether the transaction is read-only. */
  public static boolean isReadOnly(SQLException e) {
    return state(e).equals("25006");
  }

  /** Whether a retry after a pause may help, without any intervention. */
  public static boolean isTransient(@Nullable Throwable failure) {
    return SqlFailure.of(failure).isTransient();
  }

  /**
   * Whether the server has reported the failure and the connection is still open: this includes an
   * error that was raised with the SQLSTATE of a lost connection.
   */
  public static boolean isSaidByServer(SQLException e) {
    return e instanceof PSQLException said
        && said.getServerErrorMessage() != null
        && !SqlFailure.isCut(e);
  }

  /** The exception for an append in a transaction of its own. */
  public static RuntimeException ofAppend(String what, SQLException e) {
    if (isConnectionLost(e)) {
      return new OutcomeUnknownException(
          "the response to the %s was lost: it may have been committed or not. Send the same append again: what is stored already is recognised."
              .formatted(what),
          e);
    }
    if (NOT_TEXT.contains(state(e))) {
      return new IllegalArgumentException(
          "the %s has data that PostgreSQL refuses as JSON, nothing was written: %s"
              .formatted(what, e.getMessage()),
          e);
    }
    return of("the " + what + " failed, nothing was written", e);
  }

  /** The exception for an append in the caller's transaction. */
  public static RuntimeException inCallersTransaction(String what, SQLException e) {
    return of("the " + what + " failed, roll the transaction back", e);
  }

  /** The exception for anything else. */
  public static EventStoreException of(String what, SQLException e) {
    String hint = "";
    if (NO_SUCH_OBJECT.contains(state(e))) {
      hint = ". Is the schema migrated?";
    } else if (state(e).equals("42501")) {
      hint =
          ". The database role lacks a right. For the store's own objects, grant it the role of db/roles.sql for what it does: writer, reader, relay, importer, operator or eraser.";
    }
    return new EventStoreException(what + ": " + e.getMessage() + hint, e);
  }
}
