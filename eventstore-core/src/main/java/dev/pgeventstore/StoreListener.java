package dev.pgeventstore;

import java.time.Duration;
import java.util.List;

/**
 * Notified of the outcome of every append of a store in this process: for metrics, traces and logs.
 * Every method does nothing unless overridden. The arguments may get more methods; applications
 * implement them in tests only.
 *
 * <p>For each append one of {@link #committed}, {@link #written}, {@link #conflicted} and {@link
 * #failed} is called, once: by the thread that appends, before it has its result; for {@link
 * EventStore#appendAsync} by the thread that completes its future, before it does. No lock is held,
 * so a slow listener delays that result and, with {@code appendAsync}, those behind it. What a
 * method throws is logged and changes nothing, and an interrupt that it leaves behind is cleared.
 * Several threads call at the same time.
 *
 * <p>An append that is refused because of its content is not reported: one that cannot be encoded,
 * or is too large.
 */
public interface StoreListener {

  /**
   * An append was committed in a transaction of the store's, or was found to have been before.
   *
   * @param append what was committed
   */
  default void committed(Committed append) {}

  /**
   * An append was written in a transaction of the caller's, which may commit it or roll it back:
   * the store does not learn which.
   *
   * @param append what was written
   */
  default void written(Written append) {}

  /**
   * An append met another version than it expects. Nothing was written.
   *
   * @param append what was refused
   */
  default void conflicted(Conflicted append) {}

  /**
   * An append has failed, or its outcome is unknown.
   *
   * @param append what failed
   */
  default void failed(Failed append) {}

  /**
   * Appends that go together were sent. Called by the thread that sent them, of a caller or of the
   * store, after they have their results; the next appends that this thread sends wait for it. A
   * store that sends every append alone never calls it.
   *
   * @param batch what was sent
   */
  default void sent(Batch batch) {}

  /** Something that has become of an append. */
  interface OfAppend {

    /**
     * The append: its streams, events, messages and conditions.
     *
     * @return as it was given to the store
     */
    Append append();

    /**
     * How long it waited until it was sent: for other appends, for a connection, for a stream that
     * another transaction held.
     *
     * @return until it was sent last, if it had to be sent again; all the time if it never was
     */
    Duration waited();

    /**
     * How long it took in all.
     *
     * @return from the call to now, waiting included
     */
    Duration took();

    /**
     * How many events it has.
     *
     * @return those of all streams
     */
    default int events() {
      return append().events().values().stream().mapToInt(List::size).sum();
    }
  }

  /** An append that was committed. */
  interface Committed extends OfAppend {

    /**
     * What the caller gets: position, versions, and whether it was a retry of what had been
     * committed before.
     *
     * @return the result
     */
    AppendResult result();
  }

  /** An append that was written in a transaction of the caller's. */
  interface Written extends OfAppend {

    /**
     * What the caller gets.
     *
     * @return the result; it counts once the caller has committed
     */
    AppendResult result();
  }

  /** An append that was refused because of a version. */
  interface Conflicted extends OfAppend {

    /**
     * What the caller gets.
     *
     * @return the streams with their expected and actual versions
     */
    ConflictException conflict();
  }

  /** An append that has failed. */
  interface Failed extends OfAppend {

    /**
     * What the caller gets.
     *
     * @return the exception that is thrown, or that the future completes with
     */
    Throwable error();

    /**
     * Whether it may have been committed all the same.
     *
     * @return false if nothing was written
     */
    default boolean isOutcomeUnknown() {
      return error() instanceof OutcomeUnknownException;
    }
  }

  /** Appends that were sent together. */
  interface Batch {

    /**
     * How many appends went together.
     *
     * @return 1 or more
     */
    int appends();

    /**
     * How many events they have.
     *
     * @return those of all appends
     */
    int events();

    /**
     * How long it took.
     *
     * @return from asking for a connection to the end of the commit
     */
    Duration took();
  }
}
