package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.AppendLostException;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.postgres.internal.tables.EventsTable.Found;
import dev.pgeventstore.postgres.internal.tables.ParkedTable.SetAside;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.subscription.EventDiscardedException;
import dev.pgeventstore.subscription.EventParkedException;
import java.sql.SQLException;
import java.util.Optional;

/** Finds out what has become of appends whose position a subscription has passed. */
final class AppendFates {

  private final String subscription;
  private final SubscriptionTables tables;

  AppendFates(String subscription, SubscriptionTables tables) {
    this.subscription = subscription;
    this.tables = tables;
  }

  /** Whether an append cannot have been lost in an incarnation, or cannot be looked for. */
  static boolean isCertainIn(AppendResult append, String incarnation) {
    return append.parts().isEmpty() || append.incarnation().filter(incarnation::equals).isPresent();
  }

  /**
   * Looks where an append is now.
   *
   * @throws AppendLostException if the server has lost it
   */
  Found find(AppendResult append) {
    Found found;
    try {
      found = tables.connections().use(c -> tables.events().find(c, append));
    } catch (SQLException e) {
      throw SqlErrors.of("the append at " + append + " cannot be looked up", e);
    }
    if (found.position().isEmpty()) {
      throw new AppendLostException(append);
    }
    return found;
  }

  /** Whether the server has lost an append; false also if it cannot be asked. */
  boolean isLost(AppendResult append) {
    try {
      return tables.connections().use(c -> tables.events().find(c, append)).position().isEmpty();
    } catch (SQLException e) {
      return false;
    }
  }

  /**
   * Requires that no event of an append was set aside; of a position alone, not the one there.
   *
   * @throws EventParkedException if one is parked
   * @throws EventDiscardedException if one was given up
   */
  void requireApplied(AppendResult append) {
    Optional<SetAside> aside;
    try {
      aside = tables.connections().use(c -> tables.parked().setAside(c, subscription, append));
    } catch (SQLException e) {
      throw SqlErrors.of("the parked events of " + subscription + " cannot be looked up", e);
    }
    if (aside.isPresent()) {
      SetAside found = aside.get();
      if (found.reason().isPresent()) {
        throw new EventDiscardedException(subscription, found.event(), found.reason().get());
      }
      throw new EventParkedException(subscription, found.event());
    }
  }
}
