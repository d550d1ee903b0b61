package dev.pgeventstore.feed;

/** A store that can be followed. Stores implement it; applications have no need of it. */
public interface FeedSource {

  /**
   * The store's feed.
   *
   * @return the same for every call
   */
  EventFeed feed();
}
