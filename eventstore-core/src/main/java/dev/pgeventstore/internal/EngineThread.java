package dev.pgeventstore.internal;

/**
 * Knows which threads another one may wait for when it closes something: those that handle events,
 * and those that hold what these need. One of them that closes something asks it to stop and waits
 * for none of them, because that one may be closing as well, and then both would wait for good.
 */
public final class EngineThread {

  private static final ThreadLocal<Boolean> CURRENT = new ThreadLocal<>();

  private EngineThread() {}

  /**
   * Whether the caller is within {@link #run}, and must not wait for the end of another thread.
   *
   * @return false for the application's own threads
   */
  public static boolean isCurrent() {
    return CURRENT.get() != null;
  }

  /**
   * Does work in the calling thread that others may wait for.
   *
   * @param work what it does
   * @param <E> what it throws
   * @throws E what it throws
   */
  public static <E extends Exception> void run(Work<E> work) throws E {
    if (isCurrent()) {
      work.run();
      return;
    }
    CURRENT.set(true);
    try {
      work.run();
    } finally {
      CURRENT.remove();
    }
  }

  /**
   * What is done.
   *
   * @param <E> what it throws
   */
  @FunctionalInterface
  public interface Work<E extends Exception> {

    /**
     * Does it.
     *
     * @throws E if that fails
     */
    void run() throws E;
  }
}
