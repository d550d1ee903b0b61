package dev.pgeventstore.spi;

import java.util.Map;
import org.jspecify.annotations.Nullable;

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

  /**
   * What earlier owners of the lease have noted for the next.
   *
   * @return by name; empty if nothing was
   */
  Map<String, String> notes();

  /**
   * Notes something for the next owner, if the lease is still this owner's: all or nothing.
   *
   * @param changes by name; null removes a note
   * @return false if another owner took the lease: nothing was noted
   */
  boolean note(Map<String, @Nullable String> changes);

  /**
   * Replaces a note, if the lease is still this owner's, the note is as expected, and the server is
   * still in that incarnation. It is durable when this returns, however the sessions of the store
   * commit: a copy of the database that has the note has everything that was read in that
   * incarnation before this was called.
   *
   * @param incarnation of the server, as {@link EventFeed#incarnation()} and {@link
   *     FeedReader#incarnation()} say it
   * @param name of the note
   * @param expected what it is now; null for none
   * @param text what it becomes
   * @return false if nothing was noted: take over anew, and check what has changed
   */
  boolean replaceNote(String incarnation, String name, @Nullable String expected, String text);

  /** Gives the lease back, so that another owner need not wait. Does nothing if it is lost. */
  @Override
  void close();
}
