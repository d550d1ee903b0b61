package dev.pgeventstore.subscription;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStoreException;

/**
 * A subscription is declared with another query than this node's, so this node does not join it:
 * some events would be handled by the one query, some by the other. Nothing was changed; nodes that
 * run the subscription continue.
 *
 * <p>If the query is to change, declare it with {@link Subscriptions.Builder#replacing}. If it is
 * another subscription, give it another name.
 */
public class QueryMismatchException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  private final String declared;
  private final String refused;

  /**
   * For a subscription.
   *
   * @param message which one, and what to do
   * @param declared the {@link EventQuery#canonicalText()} that the subscription is declared with
   * @param refused that of the node
   */
  public QueryMismatchException(String message, String declared, String refused) {
    super(message);
    this.declared = declared;
    this.refused = refused;
  }

  /**
   * What the subscription is declared with.
   *
   * @return an {@link EventQuery#canonicalText()}
   */
  public String declared() {
    return declared;
  }

  /**
   * What this node declares.
   *
   * @return an {@link EventQuery#canonicalText()}
   */
  public String refused() {
    return refused;
  }
}
