package dev.pgeventstore.subscription;

import dev.pgeventstore.AppendResult;
import java.time.Duration;
import java.util.concurrent.TimeoutException;

/** A running subscription. Safe for many threads. */
public interface Subscription extends AutoCloseable {

  /**
   * The name of its checkpoint.
   *
   * @return as given when it was created
   */
  String name();

  /**
   * What it is doing.
   *
   * @return the status of this moment
   */
  SubscriptionStatus status();

  /**
   * Waits until this subscription has applied an append, or passed over it if its filter drops the
   * events. Then what the handler has written for it can be read.
   *
   * @param append what to wait for
   * @param timeout how long to wait
   * @throws TimeoutException if it has not come that far; the message says where it is
   * @throws IllegalStateException if it has stopped, with the error that stopped it as the cause
   * @throws InterruptedException if the thread was interrupted
   */
  void awaitApplied(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException;

  /**
   * Stops after the batch that is being handled, which is completed. Waits for that, unless called
   * from the handler. Its checkpoint stays: a subscription of the same name goes on from there.
   * Stopping twice does nothing.
   */
  @Override
  void close();
}
