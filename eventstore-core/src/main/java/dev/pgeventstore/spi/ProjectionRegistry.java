package dev.pgeventstore.spi;

import dev.pgeventstore.Position;
import dev.pgeventstore.projection.ProjectionVersion;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.projection.VersionDroppedException;
import java.sql.Connection;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.concurrent.TimeoutException;

/**
 * Which versions of projections there are, and which are live. Stores implement it, for {@link
 * Projections}; applications do not need it. The promises of each call are stated there.
 */
public interface ProjectionRegistry {

  /**
   * Registers a version, unless it is registered already.
   *
   * @param version which one
   * @param create makes its tables, in the same transaction
   * @return whether this call did it
   * @throws VersionDroppedException if it was dropped, or is older than one that readers have seen
   */
  boolean register(ProjectionVersion version, Step create);

  /**
   * Whether a version is registered, as a transaction sees it.
   *
   * @param version which one
   * @param connection of the transaction
   * @return false if it was dropped
   */
  boolean isRegistered(ProjectionVersion version, Connection connection);

  /**
   * The version that readers see.
   *
   * @param name of the projection
   * @return empty if none was promoted
   */
  OptionalInt liveVersion(String name);

  /**
   * The version that readers see, as a transaction sees it.
   *
   * @param name of the projection
   * @param connection of the transaction
   * @return empty if none was promoted
   */
  OptionalInt liveVersion(String name, Connection connection);

  /**
   * The progress of a version.
   *
   * @param version which one
   * @return the lowest of its checkpoints
   */
  Position position(ProjectionVersion version);

  /**
   * Makes a version the live one, if it is newer than all that ever were.
   *
   * @param version which one
   * @param timeout how long to wait until it has got far enough
   * @param show shows it to readers, in the same transaction
   * @return false if it or a newer one was live already
   * @throws TimeoutException if it has not got far enough
   * @throws InterruptedException if the thread was interrupted
   */
  boolean promote(ProjectionVersion version, Duration timeout, Step show)
      throws TimeoutException, InterruptedException;

  /**
   * Makes a version the live one, whichever was live before.
   *
   * @param version which one
   * @param timeout how long to wait until it has got far enough
   * @param show shows it to readers, in the same transaction
   * @return false if it is live already
   * @throws TimeoutException if it has not got far enough
   * @throws InterruptedException if the thread was interrupted
   */
  boolean makeLive(ProjectionVersion version, Duration timeout, Step show)
      throws TimeoutException, InterruptedException;

  /**
   * Drops a version. Of one that was dropped before, what a node has left that was starting it goes
   * too.
   *
   * @param version which one
   * @param drop removes its tables, in the same transaction
   * @return false if there is no such version
   */
  boolean drop(ProjectionVersion version, Step drop);

  /**
   * Does something in a transaction that is rolled back.
   *
   * @param <T> the type of the result
   * @param work what to do
   * @return the result
   */
  <T> T tentatively(Work<T> work);

  /** Something to do in a transaction. */
  @FunctionalInterface
  interface Step {

    /**
     * Does it.
     *
     * @param connection of the transaction
     * @throws Exception if it is impossible: the transaction is rolled back
     */
    void in(Connection connection) throws Exception;
  }

  /**
   * Something to find out in a transaction.
   *
   * @param <T> the type of the result
   */
  @FunctionalInterface
  interface Work<T> {

    /**
     * Does it.
     *
     * @param connection of the transaction
     * @return the result
     * @throws Exception if it is impossible: the transaction is rolled back
     */
    T in(Connection connection) throws Exception;
  }
}
