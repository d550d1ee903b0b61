package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.tables.Notifications.Notification;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.UUID;

/**
 * Signals commits to the readers of a store: those of this process at once, those of others through
 * NOTIFY. Leases that were given back are signalled to others the same way. Safe for many threads.
 *
 * <p>The notification is sent outside the append's transaction, because one inside would make all
 * commits of the server queue for a lock, and at most once in a few milliseconds. Losing one costs
 * a poll interval, never an event.
 */
public final class CommitSignals implements AutoCloseable {

  /** Begins a notification that leases were given back. */
  private static final String LEASES = "leases/";

  private final Notifier notifier;
  private final Listener listener;
  private final String channel;
  private final HighWaterMark highWaterMark;

  /** Tells this store's own notifications, which it need not hear, from those of others. */
  private final String sender = UUID.randomUUID().toString();

  /**
   * Something was committed since the last notification. The notifier sets it and takes it back.
   */
  private volatile boolean committed;

  private volatile boolean hears;
  private volatile boolean closed;
  private volatile Runnable onLeases = () -> {};

  /**
   * @param channel of the store's schema
   */
  CommitSignals(Notifier notifier, Listener listener, String channel, HighWaterMark highWaterMark) {
    this.notifier = notifier;
    this.listener = listener;
    this.channel = channel;
    this.highWaterMark = highWaterMark;
  }

  /** Something was committed in this process. */
  public void appended() {
    highWaterMark.appended();
    if (!committed) {
      notifier.committed(this);
    }
  }

  /** From now on there are readers, so commits of other processes matter. No effect if closed. */
  public void startListening() {
    if (!hears) {
      listener.add(this);
    }
  }

  /** What to do when another process has given leases back. */
  void onLeases(Runnable what) {
    onLeases = what;
  }

  /** Whether notifications of other processes are heard now. */
  boolean hears() {
    return hears;
  }

  /** Leases were given back: others need not wait until they look again. */
  void leasesGivenBack(Connection connection) throws SQLException {
    notifier.send(connection, new Notification(channel, LEASES + sender));
  }

  // What the notifier and the listener call.

  String channel() {
    return channel;
  }

  Notification notification() {
    return new Notification(channel, sender);
  }

  void setCommitted(boolean now) {
    committed = now;
  }

  boolean isClosed() {
    return closed;
  }

  /** From now on notifications are heard, or no more. */
  void setHears(boolean now) {
    boolean begins = now && !hears;
    hears = now;
    if (begins) {
      // What was committed before is not notified any more.
      highWaterMark.appended();
      onLeases.run();
    }
  }

  /** Another store's notification, or one of this one's own. */
  void heard(String payload) {
    if (payload.endsWith(sender)) {
      return;
    }
    if (payload.startsWith(LEASES)) {
      onLeases.run();
    } else {
      highWaterMark.appended();
    }
  }

  @Override
  public void close() {
    // Before: who is about to read asks for it afterwards.
    closed = true;
    listener.remove(this);
  }
}
