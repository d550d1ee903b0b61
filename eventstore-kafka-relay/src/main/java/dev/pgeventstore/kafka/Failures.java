package dev.pgeventstore.kafka;

import dev.pgeventstore.internal.Causes;
import java.util.List;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.InvalidTxnTimeoutException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.jspecify.annotations.Nullable;

/**
 * Tells failures apart, and for people. Of Kafka's, whatever is not named here goes the same way:
 * the producer is thrown away, and a new one starts from the position that Kafka has.
 */
final class Failures {

  private static final List<Class<? extends Throwable>> FENCED =
      List.of(ProducerFencedException.class, InvalidProducerEpochException.class);

  private static final List<Class<? extends Throwable>> HOPELESS =
      List.of(
          InvalidTopicException.class,
          InvalidTxnTimeoutException.class,
          UnsupportedVersionException.class);

  private static final List<Class<? extends Throwable>> REFUSED =
      List.of(AuthenticationException.class, AuthorizationException.class);

  private static final int LONGEST_REASON = 1_000;

  private Failures() {}

  /** Whether it came of a failure of this kind. */
  static boolean is(Throwable failure, Class<? extends Throwable> type) {
    return find(failure, List.of(type)) != null;
  }

  /** Another producer with the same transactional id has taken over. */
  static boolean isFenced(Throwable failure) {
    return find(failure, FENCED) != null;
  }

  /** What makes trying again useless, if anything does. */
  static @Nullable Throwable hopeless(Throwable failure) {
    return find(failure, HOPELESS);
  }

  /** Kafka does not let the relay in, or not do what it must; somebody may grant it later. */
  static boolean isRefused(Throwable failure) {
    return find(failure, REFUSED) != null;
  }

  /** Why something cannot be published, fit for a note and a header: it may quote anything. */
  static String reason(RuntimeException failure) {
    boolean tellsAll =
        failure instanceof IllegalArgumentException || failure instanceof RelayHaltedException;
    String text =
        tellsAll && failure.getMessage() != null ? failure.getMessage() : failure.toString();
    return text.substring(0, Math.min(LONGEST_REASON, text.length())).replace('\0', ' ');
  }

  private static @Nullable Throwable find(
      Throwable failure, List<Class<? extends Throwable>> types) {
    for (Throwable cause : Causes.of(failure)) {
      for (Class<? extends Throwable> type : types) {
        if (type.isInstance(cause)) {
          return cause;
        }
      }
    }
    return null;
  }
}
