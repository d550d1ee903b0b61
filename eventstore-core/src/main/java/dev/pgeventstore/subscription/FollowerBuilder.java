package dev.pgeventstore.subscription;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.spi.EventFeed;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Describes a {@link Follower}. For one thread. */
public final class FollowerBuilder {

  private final EventFeed feed;
  private final EventQuery query;
  private Follower.Load load = () -> Position.START;
  private boolean loadsAgain;
  private int batchSize = 500;
  private Follower.@Nullable Handler handler;

  FollowerBuilder(EventFeed feed, EventQuery query) {
    this.feed = feed;
    this.query = Objects.requireNonNull(query, "the query of a follower is null");
  }

  /**
   * Starts after a position that was settled: the store's high-water mark, a subscription's
   * checkpoint, or a position that a follower has reached. The default is the beginning.
   *
   * <p>It must be of the server's present incarnation. Where the server may have crashed or been
   * replaced between reading it and calling {@link #start}, use {@link #load}.
   *
   * @param position exclusive
   * @return this builder
   */
  public FollowerBuilder after(Position position) {
    Objects.requireNonNull(position, "the start of a follower is null");
    this.load = () -> position;
    this.loadsAgain = false;
    return this;
  }

  /**
   * Loads something, and starts where that ends: a cache from a view, for example, with {@link
   * Subscriptions#position} in the same snapshot. It is called by {@link #start}, and again by the
   * follower's thread whenever the history of the server has changed, also while it was loading. So
   * what was loaded and what is handled are always of one history.
   *
   * @param how what it loads takes the place of what was there
   * @return this builder
   */
  public FollowerBuilder load(Follower.Load how) {
    this.load = Objects.requireNonNull(how, "what loads the start of a follower is null");
    this.loadsAgain = true;
    return this;
  }

  /**
   * The most events for one call of the handler. The default is 500.
   *
   * @param events 1 to 10,000
   * @return this builder
   * @throws IllegalArgumentException if it is out of range
   */
  public FollowerBuilder batchSize(int events) {
    if (events < 1 || events > 10_000) {
      throw new IllegalArgumentException("a batch size is 1 to 10,000, not " + events);
    }
    this.batchSize = events;
    return this;
  }

  /**
   * What to do with the events. Required.
   *
   * @param what called by one thread
   * @return this builder
   */
  public FollowerBuilder handler(Follower.Handler what) {
    this.handler = Objects.requireNonNull(what, "the handler is null");
    return this;
  }

  /**
   * Starts the follower. It runs in a thread of its own.
   *
   * @return the running follower
   * @throws IllegalStateException if there is no handler
   * @throws IllegalArgumentException if the start lies beyond the high-water mark: events may still
   *     appear below it. Another process may know of a larger mark for as long as an append
   *     transaction is open: then try again
   * @throws dev.pgeventstore.EventStoreException if the database cannot be asked, or if what {@link
   *     #load} was given threw a checked exception, which is the cause; its others are passed on
   */
  public Follower start() {
    if (handler == null) {
      throw new IllegalStateException("a follower has no handler");
    }
    RunningFollower follower =
        new RunningFollower(
            feed, query, new FollowerStart(feed, load, loadsAgain), batchSize, handler);
    follower.start();
    return follower;
  }
}
