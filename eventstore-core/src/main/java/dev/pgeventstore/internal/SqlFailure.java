package dev.pgeventstore.internal;

import java.io.IOException;
import java.sql.SQLException;
import java.sql.SQLTransientException;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The kinds of failures of a database, determined by the SQLSTATE and never by the text. The only
 * list in the project of what is worth a retry. Whose fault that was is another question
 * (docs/adr/0016).
 */
public enum SqlFailure {

  /**
   * A retry has the same result: not a failure of a database, or one that needs an intervention.
   */
  PERMANENT,

  /** A serialization failure or a deadlock: nothing was done. */
  RACE,

  /** The connection or the server went away: what was sent last may have been done or not. */
  LOST,

  /** No disk, no memory, no free connection. The resource is missing for all sessions. */
  EXHAUSTED,

  /** One statement was refused for now: a time-out, a lock, a limit, a read-only transaction. */
  REFUSED;

  private static final Set<String> RACES = Set.of("40001", "40P01");

  // Shut down, crashed, starting.
  private static final Set<String> DOWN = Set.of("57P01", "57P02", "57P03");

  // Ended by a time-out of an idle session or transaction: nothing was done.
  private static final Set<String> TIMED_OUT = Set.of("57P05", "25P03", "25P04");

  private static final String RESOURCES = "53";

  // A configured limit of one statement, such as temp_file_limit.
  private static final String LIMIT = "53400";

  private static final Set<String> REFUSALS = Set.of("57014", "55P03", "25006", LIMIT);

  /**
   * Whether to wait and retry may help, without any intervention.
   *
   * @return true for all kinds but one
   */
  public boolean isTransient() {
    return this != PERMANENT;
  }

  /**
   * What something failed with.
   *
   * @param failure decided by the first SQL failure among it and its causes
   * @return the kind
   */
  public static SqlFailure of(@Nullable Throwable failure) {
    return in(failure).map(SqlFailure::of).orElse(PERMANENT);
  }

  /**
   * The failure of a database that something was caused by.
   *
   * @param failure with its causes
   * @return the first; empty if there is none
   */
  public static Optional<SQLException> in(@Nullable Throwable failure) {
    for (Throwable cause : Causes.of(failure)) {
      if (cause instanceof SQLException e) {
        return Optional.of(e);
      }
    }
    return Optional.empty();
  }

  /**
   * What kind a failure of a database is.
   *
   * @param e the failure
   * @return the kind
   */
  public static SqlFailure of(SQLException e) {
    String state = e.getSQLState() == null ? "" : e.getSQLState();
    if (RACES.contains(state)) {
      return RACE;
    }
    if (isAnswerLost(e) || TIMED_OUT.contains(state)) {
      return LOST;
    }
    if (REFUSALS.contains(state)) {
      return REFUSED;
    }
    if (state.startsWith(RESOURCES)) {
      return EXHAUSTED;
    }
    return e instanceof SQLTransientException ? REFUSED : PERMANENT;
  }

  /**
   * Whether the connection or the server went away without a word about what was sent last, which
   * may have been done or not.
   *
   * @param e the failure
   * @return false if it was not done
   */
  public static boolean isAnswerLost(SQLException e) {
    String state = e.getSQLState() == null ? "" : e.getSQLState();
    return state.startsWith("08") || DOWN.contains(state);
  }

  /**
   * Whether memory was missing, which may be so for one statement only.
   *
   * @param failure with its causes
   * @return false also for other resources
   */
  public static boolean isOutOfMemory(Throwable failure) {
    return in(failure).filter(e -> "53200".equals(e.getSQLState())).isPresent();
  }

  /**
   * Whether the network has failed, or the other end has hung up: whatever the server has reported
   * before, the connection is gone.
   *
   * @param e with its causes, and the failures that followed it
   * @return false if the failure came over a connection that lived on
   */
  public static boolean isCut(SQLException e) {
    Set<SQLException> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    for (SQLException next = e; next != null && seen.add(next); next = next.getNextException()) {
      if (Causes.of(next).stream().anyMatch(IOException.class::isInstance)) {
        return true;
      }
    }
    return false;
  }
}
