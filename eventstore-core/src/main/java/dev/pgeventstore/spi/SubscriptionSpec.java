package dev.pgeventstore.spi;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.SubscriptionListener;
import java.time.Duration;
import java.util.List;

/**
 * What a subscription is to do, for the store that runs it.
 *
 * @param name of the checkpoint
 * @param query which events
 * @param replaced queries that this one replaces, if the subscription is declared with one of them
 * @param start where to start without a checkpoint
 * @param batchSize the most events for one call of the handler
 * @param partitions how many there are
 * @param failurePolicy what to do when the handler fails
 * @param leaseTime how long the lease of a partition lasts unless it is renewed
 * @param unhealthyAfter how long it may stand still while it is behind
 * @param listener who is told
 * @param handler what to do with the events
 */
public record SubscriptionSpec(
    String name,
    EventQuery query,
    List<EventQuery> replaced,
    Start start,
    int batchSize,
    int partitions,
    FailurePolicy failurePolicy,
    Duration leaseTime,
    Duration unhealthyAfter,
    SubscriptionListener listener,
    EventHandler handler) {

  /**
   * Keeps a copy of the list.
   *
   * @param name of the checkpoint
   * @param query which events
   * @param replaced queries that this one replaces, if the subscription is declared with one of
   *     them
   * @param start where to start without a checkpoint
   * @param batchSize the most events for one call of the handler
   * @param partitions how many there are
   * @param failurePolicy what to do when the handler fails
   * @param leaseTime how long the lease of a partition lasts unless it is renewed
   * @param unhealthyAfter how long it may stand still while it is behind
   * @param listener who is told
   * @param handler what to do with the events
   */
  public SubscriptionSpec {
    replaced = List.copyOf(replaced);
  }
}
