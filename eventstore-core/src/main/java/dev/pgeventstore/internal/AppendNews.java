package dev.pgeventstore.internal;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.StoreListener;
import java.time.Duration;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Notifies a store's listener of the outcome of one append. Exists only if there is a listener. */
public final class AppendNews {

  private final StoreListener listener;
  private final Append append;
  private final LongSupplier nanoTime;
  private final long began;

  /** Set by the thread that sends, which may be another one. */
  private volatile boolean sent;

  private volatile long sentAt;

  private AppendNews(StoreListener listener, Append append, LongSupplier nanoTime) {
    this.listener = listener;
    this.append = append;
    this.nanoTime = nanoTime;
    this.began = nanoTime.getAsLong();
  }

  /**
   * The news of an append that was requested.
   *
   * @return null if there is no listener
   */
  public static @Nullable AppendNews of(
      @Nullable StoreListener listener, Append append, LongSupplier nanoTime) {
    return listener == null ? null : new AppendNews(listener, append, nanoTime);
  }

  /** It is being sent now, perhaps once more. */
  public void sending() {
    sentAt = nanoTime.getAsLong();
    sent = true;
  }

  /** It is committed. */
  public void committed(AppendResult result) {
    Done done = done(result);
    Listeners.call("the store", () -> listener.committed(done));
  }

  /** It is part of the caller's transaction. */
  public void written(AppendResult result) {
    Done done = done(result);
    Listeners.call("the store", () -> listener.written(done));
  }

  /** The caller gets an exception. */
  public void failed(Throwable error) {
    long now = nanoTime.getAsLong();
    if (error instanceof ConflictException conflict) {
      Refused refused = new Refused(append, waited(now), took(now), conflict);
      Listeners.call("the store", () -> listener.conflicted(refused));
    } else {
      Failed failed = new Failed(append, waited(now), took(now), error);
      Listeners.call("the store", () -> listener.failed(failed));
    }
  }

  private Done done(AppendResult result) {
    long now = nanoTime.getAsLong();
    return new Done(append, waited(now), took(now), result);
  }

  private Duration waited(long now) {
    return Duration.ofNanos((sent ? sentAt : now) - began);
  }

  private Duration took(long now) {
    return Duration.ofNanos(now - began);
  }

  private record Done(Append append, Duration waited, Duration took, AppendResult result)
      implements StoreListener.Committed, StoreListener.Written {}

  private record Refused(Append append, Duration waited, Duration took, ConflictException conflict)
      implements StoreListener.Conflicted {}

  private record Failed(Append append, Duration waited, Duration took, Throwable error)
      implements StoreListener.Failed {}
}
