package dev.pgeventstore.examples.loans;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.sql.SQLException;

/**
 * Keeps the tables of {@link LoanTables} up to date with the events. They change in the transaction
 * that moves the subscription's checkpoint, so each event is counted exactly once, whatever crashes
 * when.
 */
final class LoanOutcomes implements EventHandler {

  private static final String SUBSCRIPTION = "loan-outcomes";

  // A page is three statements, however many events it has.
  private static final int PAGE = 2_000;

  /** Starts counting, or goes on where it stopped. The tables must be there. */
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
