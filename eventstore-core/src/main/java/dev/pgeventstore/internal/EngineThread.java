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
    Object unused =
        find(
            () -> {
              work.run();
              return CURRENT;
            });
  }

  /**
   * Finds something out in the calling thread, that others may wait for meanwhile.
   *
   * @param work how
   * @param <T> what is found
   * @param <E> what it throws
   * @return what was found
   * @throws E what it throws
   */
  public static <T, E extends Exception> T find(Question<T, E> work) throws E {
    if (isCurrent()) {
      return work.ask();
    }
    CURRENT.set(true);
    try {
      return work.ask();
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

  /**
   * What is found out.
   *
   * @param <T> the type of the result
   * @param <E> what it throws
   */
  @FunctionalInterface
  public interface Question<T, E extends Exception> {

    /**
     * Finds it out.
     *
     * @return the result
     * @throws E if that fails
     */
    T ask() throws E;
  }
}
