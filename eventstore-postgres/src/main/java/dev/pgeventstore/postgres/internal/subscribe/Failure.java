package dev.pgeventstore.postgres.internal.subscribe;

/** What is written down of a failure. */
final class Failure {

  private static final int LONGEST = 2_000;

  private Failure() {}

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
