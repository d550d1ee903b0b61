package dev.pgeventstore.postgres.internal.scheduling;

import java.time.Duration;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionResult;
import org.jetbrains.kotlinx.lincheck.execution.ExecutionScenario;
import org.jetbrains.kotlinx.lincheck.util.ExceptionResult;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.verifier.Verifier;

/**
 * Scenes of several threads, in every order that the model checker comes to. It finds what a scene
 * throws, and threads that wait in vain, and prints the interleaving.
 *
 * <p>A scene is a public class with a public constructor, and is made anew for each interleaving.
 * It waits by locks, conditions and joins: what sleeps by {@code LockSupport.park} alone is woken
 * without being told. No wait of it ends because its time is over: see {@link Untimed}. A fault is
 * found if one switch of threads brings it about, and rarely if it takes more; so a scene starts
 * its threads first and then joins them, which is a switch that does not count.
 */
public abstract class Interleavings {

  /**
   * A deadlock is seen by the state of the threads, at once. The limit is only for what the model
   * checker has no eyes for; its own of 30 s is too short for a busy machine that instruments
   * classes.
   */
  private static final Duration LIMIT = Duration.ofMinutes(8);

  /** Starts threads, joins them, and throws if what came of it is wrong. */
  protected abstract void play() throws Exception;

  /** For the model checker. */
  @Operation
  public final void run() throws Exception {
    play();
  }

  /**
   * Plays a scene.
   *
   * @param most interleavings
   */
  public static void explore(Class<? extends Interleavings> scene, int most) {
    new ModelCheckingOptions()
        .iterations(1)
        .threads(1)
        .actorsPerThread(1)
        .actorsBefore(0)
        .actorsAfter(0)
        .minimizeFailedScenario(false)
        .invocationsPerIteration(Integer.getInteger("interleavings", most))
        .verifier(NothingThrown.class)
        // The JDK's own collections and locks are taken as they are: fewer places to switch at.
        .analyzeStdLib$lincheck(false)
        .invocationTimeout$lincheck(LIMIT.toMillis())
        .check(scene);
  }

  protected static void require(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  /** Runs each in a thread of its own, until all have ended. */
  protected static void together(Runnable... work) throws InterruptedException {
    Thread[] threads = new Thread[work.length];
    for (int i = 0; i < work.length; i++) {
      threads[i] = new Thread(work[i]);
      threads[i].start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
  }

  /** For the model checker, which makes it. */
  public static final class NothingThrown implements Verifier {

    public NothingThrown(Class<?> unused) {}

    @Override
    public boolean verifyResults(ExecutionScenario scenario, ExecutionResult results) {
      return results.getParallelResultsWithClock().stream()
          .flatMap(thread -> thread.stream())
          .noneMatch(result -> result.getResult() instanceof ExceptionResult);
    }
  }
}
