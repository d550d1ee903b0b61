package dev.pgeventstore.testkit;

import dev.pgeventstore.UndecodableEventException;
import dev.pgeventstore.internal.Causes;
import java.util.stream.Collectors;

/** How a handler's failure is described. */
final class Failures {

  private Failures() {}

  /** The failure and its causes, in one line. */
  static String describe(Throwable failure) {
    return Causes.of(failure).stream()
        .map(Causes::text)
        .collect(Collectors.joining(", caused by "));
  }

  /** Whether an event could not be decoded, so that the handler never handled it. */
  static boolean isUndecodable(Throwable failure) {
    return Causes.of(failure).stream().anyMatch(UndecodableEventException.class::isInstance);
  }
}
