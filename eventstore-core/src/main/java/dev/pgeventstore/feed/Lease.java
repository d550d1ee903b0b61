package dev.pgeventstore.feed;

/** A right held for a time. Safe for many threads. */
public interface Lease extends AutoCloseable {

  /**
   * The number of this tenure. Each owner's is larger than the one before.
   *
   * @return 1 or more
   */
  long epoch();

  /**
   * Prolongs the lease by its time to live, from now.
   *
   * @return false if it ran out and another owner took it: stop at once
   */
  boolean renew();

  /** Gives the lease back, so that another owner need not wait. Does nothing if it is lost. */
  @Override
  void close();
}
