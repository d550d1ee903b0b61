package dev.pgeventstore.testkit;

import dev.pgeventstore.UndecodableEventException;
import dev.pgeventstore.internal.Causes;
import java.util.stream.Collectors;

/** What is said of a handler's failure. */
final class Failures {

  private Failures() {}

  /** The failure and its causes, in a line. */
  static String describe(Throwable failure) {
    return Causes.of(failure).stream()
        .map(Causes::text)
        .collect(Collectors.joining(", caused by "));
  }

  /** Whether an event could not be decoded, so that the handler never came to handle it. */
  static boolean isUndecodable(Throwable failure) {
    return Causes.of(failure).stream().anyMatch(UndecodableEventException.class::isInstance);
  }
}
