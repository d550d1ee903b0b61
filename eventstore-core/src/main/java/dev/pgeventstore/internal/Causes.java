package dev.pgeventstore.internal;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The message of a failure, and its causes. The failures are the application's, so their methods
 * may do anything: a chain of causes may form a cycle, and {@code getMessage} may throw.
 */
public final class Causes {

  private static final int MOST = 100;

  private Causes() {}

  /**
   * A failure and its causes, each once.
   *
   * @param failure the outermost
   * @return it, its cause, the cause of that and so on, 100 at most; empty for null
   */
  public static List<Throwable> of(@Nullable Throwable failure) {
    Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    List<Throwable> chain = new ArrayList<>();
    Throwable next = failure;
    while (next != null && chain.size() < MOST && seen.add(next)) {
      chain.add(next);
      next = causeOf(next);
    }
    return chain;
  }

  private static @Nullable Throwable causeOf(Throwable failure) {
    try {
      return failure.getCause();
    } catch (RuntimeException e) {
      return null;
    }
  }

  /**
   * Whether a failure means that the virtual machine cannot continue, whatever it was doing: it is
   * out of memory, or broken. A stack that was too deep is gone with the call.
   *
   * @param failure the outermost
   * @return true for every error of the virtual machine but a stack overflow
   */
  public static boolean isOfVirtualMachine(Throwable failure) {
    return failure instanceof VirtualMachineError && !(failure instanceof StackOverflowError);
  }

  /**
   * A failure in words.
   *
   * @param failure the outermost
   * @return its message, or the name of its class if it fails to give one
   */
  public static String text(Throwable failure) {
    try {
      return Objects.toString(failure.toString(), failure.getClass().getName());
    } catch (RuntimeException | StackOverflowError e) {
      return failure.getClass().getName();
    }
  }

  /**
   * A failure that a logger can print.
   *
   * @param failure the outermost
   * @return itself, or one in its place if it cannot be printed
   */
  public static Throwable loggable(Throwable failure) {
    try {
      failure.printStackTrace(new PrintWriter(new StringWriter()));
      return failure;
    } catch (RuntimeException | StackOverflowError e) {
      IllegalStateException instead =
          new IllegalStateException(text(failure) + ", which cannot be printed");
      instead.setStackTrace(failure.getStackTrace());
      return instead;
    }
  }
}
