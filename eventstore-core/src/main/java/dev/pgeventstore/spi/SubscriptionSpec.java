package dev.pgeventstore.spi;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.SubscriptionListener;
import java.time.Duration;
import java.util.List;

/** What a subscription is to do, for the store that runs it. Immutable. It may get more methods. */
public interface SubscriptionSpec {

  /**
   * The name of the checkpoint.
   *
   * @return unique in the store
   */
  String name();

  /**
   * Which events.
   *
   * @return the query that it is declared with
   */
  EventQuery query();

  /**
   * Queries that this one replaces, if the subscription is declared with one of them.
   *
   * @return unmodifiable
   */
  List<EventQuery> replaced();

  /**
   * Where to start without a checkpoint.
   *
   * @return the start
   */
  Start start();

  /**
   * The most events for one call of the handler.
   *
   * @return 1 or more
   */
  int batchSize();

  /**
   * How many partitions there are.
   *
   * @return 1 or more
   */
  int partitions();

  /**
   * What to do when the handler fails.
   *
   * @return how often to retry, and what then
   */
  FailurePolicy failurePolicy();

  /**
   * How long the lease of a partition lasts unless it is renewed.
   *
   * @return more than zero
   */
  Duration leaseTime();

  /**
   * How long it may make no progress while it is behind.
   *
   * @return more than zero
   */
  Duration unhealthyAfter();

  /**
   * The listener of what happens.
   *
   * @return one that does nothing if nothing is to be called
   */
  SubscriptionListener listener();

  /**
   * What to do with the events.
   *
   * @return called by one thread for each partition
   */
  EventHandler handler();
}
