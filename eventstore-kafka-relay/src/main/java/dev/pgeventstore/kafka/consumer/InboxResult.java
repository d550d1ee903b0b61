package dev.pgeventstore.kafka.consumer;

/** What became of some records. Immutable; it may get more methods. */
public interface InboxResult {

  /**
   * How many were new, and given to the handler.
   *
   * @return 0 or more
   */
  int handled();

  /**
   * How many had been handled before, and were dropped.
   *
   * @return 0 or more
   */
  int repeated();

  /**
   * How many no relay had sent, and were passed over.
   *
   * @return 0 or more
   */
  int foreign();
}
