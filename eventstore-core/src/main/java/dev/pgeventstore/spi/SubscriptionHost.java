package dev.pgeventstore.spi;

import dev.pgeventstore.Position;
import dev.pgeventstore.subscription.Subscription;
import java.sql.Connection;

/** A store that runs subscriptions. Stores implement it; applications have no need of it. */
public interface SubscriptionHost {

  /**
   * Starts a subscription.
   *
   * @param spec what it is to do
   * @return the running subscription
   */
  Subscription start(SubscriptionSpec spec);

  /**
   * The checkpoint of a subscription.
   *
   * @param name of the subscription
   * @param connection of the transaction that sees it
   * @return the lowest checkpoint of its partitions
   */
  Position position(String name, Connection connection);
}
