package dev.pgeventstore;

import java.time.Duration;
import java.util.Optional;

/**
 * An open transaction that has written events. Nothing after its events is settled, so no reader
 * may pass them. Stores implement it; it may get more methods.
 *
 * <p>For sessions of other roles, a role without the right to read all statistics ({@code
 * pg_read_all_stats}) sees no age, which is zero then, no state and no query.
 */
public interface Blocker {

  /**
   * Its process.
   *
   * @return empty for a prepared transaction
   */
  Optional<Integer> pid();

  /**
   * The global id of a prepared transaction: {@code commit prepared} or {@code rollback prepared}
   * ends it.
   *
   * @return empty if it is none
   */
  Optional<String> prepared();

  /**
   * Who had logged in.
   *
   * @return the role
   */
  String user();

  /**
   * The application, as it calls itself.
   *
   * @return possibly empty
   */
  String application();

  /**
   * How long it has been open; a prepared one, since it was prepared.
   *
   * @return zero if this role may not see it
   */
  Duration age();

  /**
   * What its session does, such as {@code idle in transaction}.
   *
   * @return empty if this role may not see it
   */
  String state();

  /**
   * The last query, even if it has ended.
   *
   * @return as the server shows it
   */
  String query();
}
