package dev.pgeventstore.subscription;

import dev.pgeventstore.EventCodec;

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
   * What knows the names of event types.
   *
   * @return the store's codec
   */
  EventCodec codec();
}
