package dev.pgeventstore.postgres.internal.fence;

/**
 * How a reader waits for a mark without a thread: it is woken once, then watches again. To be
 * cancelled when it waits no longer.
 */
public final class Watch {

  private final HighWaterMark mark;
  private final Runnable wake;

  // Guarded by the mark's lock.

  private long after;
  private String incarnation = "";

  Watch(HighWaterMark mark, Runnable wake) {
    this.mark = mark;
    this.wake = wake;
  }

  /** Waits for other news from now on. The mark's lock is held. */
  void forNews(long behind, String in) {
    after = behind;
    incarnation = in;
  }

  /** Whether a mark is what is waited for. The mark's lock is held. */
  boolean isFor(Mark news) {
    return news.isNews(after, incarnation);
  }

  void wake() {
    wake.run();
  }

  /** Waits no longer. */
  public void cancel() {
    mark.cancel(this);
  }
}
