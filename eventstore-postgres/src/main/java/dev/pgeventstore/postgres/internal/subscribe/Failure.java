package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.UndecodableEventException;

/** What is written down of a failure. */
final class Failure {

  private static final int LONGEST = 2_000;
  private static final int MOST_CAUSES = 100;

  private Failure() {}

  /**
   * Whether it says that the virtual machine can go on with nothing, whatever the event: out of
   * memory, or broken. A stack that was too deep is gone with the call.
   */
  static boolean isOfVirtualMachine(Throwable failure) {
    return failure instanceof VirtualMachineError && !(failure instanceof StackOverflowError);
  }

  /** Whether an event could not be decoded, so that the handler never came to handle it. */
  static boolean isUndecodable(Throwable failure) {
    Throwable cause = failure;
    // A chain of causes may be a ring.
    for (int depth = 0; cause != null && depth < MOST_CAUSES; depth++) {
      if (cause instanceof UndecodableEventException) {
        return true;
      }
      cause = cause.getCause();
    }
    return false;
  }

  /** The failure and its causes, in a line that PostgreSQL can store. */
  static String describe(Throwable failure) {
    StringBuilder text = new StringBuilder(failure.toString());
    for (Throwable cause = failure.getCause();
        cause != null && text.length() < LONGEST;
        cause = cause.getCause()) {
      text.append(", caused by ").append(cause);
    }
    String storable = text.toString().replace('\0', ' ');
    return storable.length() <= LONGEST ? storable : storable.substring(0, LONGEST) + "…";
  }
}
