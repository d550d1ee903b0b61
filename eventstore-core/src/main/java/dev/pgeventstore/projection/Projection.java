package dev.pgeventstore.projection;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.spi.ProjectionRegistry;
import dev.pgeventstore.subscription.Subscription;
import java.sql.Connection;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.concurrent.TimeoutException;

/** A version of a projection that follows the store. Safe for many threads. */
public final class Projection implements AutoCloseable {

  private final EventStore store;
  private final ProjectionRegistry registry;
  private final ProjectionVersion version;
  private final ProjectionDefinition definition;
  private final Subscription subscription;
  private final Pace pace = new Pace();

  Projection(
      EventStore store,
      ProjectionRegistry registry,
      ProjectionVersion version,
      ProjectionDefinition definition,
      Subscription subscription) {
    this.store = store;
    this.registry = registry;
    this.version = version;
    this.definition = definition;
    this.subscription = subscription;
  }

  /**
   * The name of the projection.
   *
   * @return as given when it was created
   */
  public String name() {
    return version.name();
  }

  /**
   * Which version this is.
   *
   * @return 1 or more
   */
  public int version() {
    return version.version();
  }

  /**
   * The table of this version.
   *
   * @return such as {@code visits_v2}
   */
  public String table() {
    return version.table();
  }

  /**
   * What keeps this version up to date: its status, and what it has parked.
   *
   * @return the subscription of this version
   */
  public Subscription subscription() {
    return subscription;
  }

  /**
   * Whether readers see this version.
   *
   * @return true once it was promoted, until another is
   */
  public boolean isLive() {
    OptionalInt live = registry.liveVersion(version.name());
    return live.isPresent() && live.getAsInt() == version.version();
  }

  /**
   * How far this version has come, on all nodes, and how fast it is. Asks the database.
   *
   * @return the progress of this moment
   */
  public ProjectionProgress progress() {
    return pace.at(registry.position(version), store.highWaterMark(), System.nanoTime());
  }

  /**
   * Waits until this version has applied an append. Then its table shows it.
   *
   * @param append what to wait for
   * @param timeout how long to wait
   * @throws TimeoutException if it has not got that far in that time
   * @throws InterruptedException if the thread was interrupted
   * @see Subscription#awaitApplied(AppendResult, Duration) what is promised, and what else is
   *     thrown
   */
  public void awaitApplied(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException {
    subscription.awaitApplied(append, timeout);
  }

  /**
   * Waits until this version has passed a position.
   *
   * @param position what to wait for
   * @param timeout how long to wait
   * @throws TimeoutException if it has not got that far in that time
   * @throws InterruptedException if the thread was interrupted
   * @see Subscription#awaitApplied(Position, Duration) what is promised, and what else is thrown
   */
  public void awaitApplied(Position position, Duration timeout)
      throws TimeoutException, InterruptedException {
    subscription.awaitApplied(position, timeout);
  }

  /**
   * Makes this version the one that readers see, as soon as it has got far enough: to the
   * high-water mark of this call, and to the position of the live version. The live version is kept
   * from moving meanwhile, for a few seconds at most and at most a third of the time, so that
   * readers never go back in time. What {@link ProjectionDefinition#promote} does and the change of
   * the live version are one transaction.
   *
   * <p>Only a newer version becomes live: if this version or a newer one was ever live, nothing is
   * done, so a program may call it whenever it starts. A node that still runs an old program does
   * not revert the view, and a restarted node does not undo what {@link #makeLive} has done. {@link
   * #isLive} says which case it is, and so does a warning in the log.
   *
   * <p>If several nodes promote a version at the same time, one of them does it. After a lost
   * response, call it again.
   *
   * @param timeout how long to wait
   * @return false if nothing was done, because this version or a newer one was live already
   * @throws TimeoutException if it has not got far enough in that time; the live version is not
   *     changed, and the message says how far this one is behind
   * @throws IllegalStateException if it was dropped, has stopped with an error, or has parked
   *     events
   * @throws InterruptedException if the thread was interrupted
   */
  public boolean promote(Duration timeout) throws TimeoutException, InterruptedException {
    return registry.promote(version, timeout, this::show);
  }

  /**
   * Makes this version the one that readers see, whichever was live before: it reverts a newer
   * version, or shows one again that was reverted. It is for an operator's decision, not for the
   * start of a program. All else is as for {@link #promote}: an older version must still follow the
   * store.
   *
   * @param timeout how long to wait
   * @return false if it is live already
   * @throws TimeoutException if it has not got far enough in that time; the live version stays
   * @throws IllegalStateException if it was dropped, has stopped with an error, or has parked
   *     events; or if another version was made live during this call
   * @throws InterruptedException if the thread was interrupted
   */
  public boolean makeLive(Duration timeout) throws TimeoutException, InterruptedException {
    return registry.makeLive(version, timeout, this::show);
  }

  private void show(Connection connection) throws Exception {
    definition.promote(table(), connection);
  }

  /**
   * Gives this version up, built or not: stops it, and removes its checkpoints, what it has parked,
   * and by {@link ProjectionDefinition#drop} its tables, in one transaction. Where it runs on other
   * nodes it stops with an error. A version that was dropped is not made again: see {@link
   * VersionDroppedException}.
   *
   * @return false if it was dropped already
   * @throws IllegalStateException if it is the live one; then it is stopped, but nothing is removed
   */
  public boolean drop() {
    if (isLive()) {
      throw new IllegalStateException(
          "%s is the live one: promote another, then drop it".formatted(version));
    }
    subscription.close();
    return Projections.drop(registry, version, definition);
  }

  /**
   * Stops following on this node. The version stays as it is, and continues when it is started
   * again.
   */
  @Override
  public void close() {
    subscription.close();
  }
}
