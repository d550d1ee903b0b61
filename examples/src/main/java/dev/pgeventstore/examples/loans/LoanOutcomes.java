package dev.pgeventstore.examples.loans;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.sql.SQLException;

/**
 * Keeps the tables of {@link LoanTables} up to date with the events. The tables change in the
 * transaction that moves the subscription's checkpoint, so each event is counted exactly once, even
 * if a process or server crashes.
 */
final class LoanOutcomes implements EventHandler {

  private static final String SUBSCRIPTION = "loan-outcomes";

  // A page takes three statements, however many events it has.
  private static final int PAGE = 2_000;

  /** Starts counting, or resumes where the subscription stopped. The tables must exist. */
  static Subscription start(EventStore store) {
    return Subscriptions.of(store)
        .create(SUBSCRIPTION)
        .category(LoanApplication.CATEGORY)
        .batchSize(PAGE)
        .handler(new LoanOutcomes())
        .start();
  }

  @Override
  public void handle(EventBatch batch) throws SQLException {
    LoanTables.add(PageTotals.of(batch.events()), batch.connection());
  }
}
