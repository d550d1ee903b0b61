package dev.pgeventstore.internal;

/** Pauses between attempts: each is twice the one before, up to a longest. For one thread. */
public final class Backoff {

  private final long first;
  private final long longest;
  private long next;

  /** Pauses in any unit of time. */
  public Backoff(long first, long longest) {
    this.first = first;
    this.longest = longest;
    this.next = first;
  }

  /** The next pause. */
  public long next() {
    long pause = next;
    next = Math.min(2 * next, longest);
    return pause;
  }

  /** It went well: the next pause is the first one again. */
  public void reset() {
    next = first;
  }
}
