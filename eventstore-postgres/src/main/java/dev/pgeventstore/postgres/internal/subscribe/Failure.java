package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.UndecodableEventException;
import dev.pgeventstore.internal.Causes;
import java.util.stream.Collectors;

/** What is written down of a failure. */
final class Failure {

  private static final int LONGEST = 2_000;

  private Failure() {}

  /** Whether an event could not be decoded, so that the handler never came to handle it. */
  static boolean isUndecodable(Throwable failure) {
    return Causes.of(failure).stream().anyMatch(UndecodableEventException.class::isInstance);
  }

  /** The failure and its causes, in a line that PostgreSQL can store. */
  static String describe(Throwable failure) {
    String text =
        Causes.of(failure).stream().map(Causes::text).collect(Collectors.joining(", caused by "));
    String storable = text.replace('\0', ' ');
    return storable.length() <= LONGEST ? storable : storable.substring(0, LONGEST) + "…";
  }
}
