package dev.pgeventstore.kafka.internal.record;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.kafka.RelayHaltedException;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InvalidPidMappingException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.InvalidTxnTimeoutException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.RecordBatchTooLargeException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TransactionAbortableException;
import org.apache.kafka.common.errors.TransactionAbortedException;
import org.apache.kafka.common.errors.UnsupportedForMessageFormatException;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.protocol.Errors;
import org.jspecify.annotations.Nullable;

/**
 * Tells failures apart, and for people. Of Kafka's, whatever is not named here goes the same way:
 * the producer is thrown away, and a new one starts from the position that Kafka has.
 */
public final class Failures {

  private static final List<Class<? extends Throwable>> FENCED =
      List.of(ProducerFencedException.class, InvalidProducerEpochException.class);

  private static final List<Class<? extends Throwable>> HOPELESS =
      List.of(InvalidTopicException.class, UnsupportedVersionException.class);

  private static final List<Class<? extends Throwable>> REFUSED =
      List.of(AuthenticationException.class, AuthorizationException.class);

  /** A record is answered with these for what it is, or where it is to go. */
  private static final List<Class<? extends Throwable>> OF_A_RECORD =
      List.of(
          InvalidRecordException.class,
          InvalidTimestampException.class,
          InvalidTopicException.class,
          RecordBatchTooLargeException.class,
          RecordTooLargeException.class,
          UnsupportedForMessageFormatException.class);

  /** And with these, too, for what is wrong with its producer or transaction. */
  private static final List<Class<? extends Throwable>> OF_THE_PRODUCER =
      List.of(
          InvalidPidMappingException.class,
          InvalidTxnStateException.class,
          OutOfOrderSequenceException.class,
          RetriableException.class,
          TransactionAbortableException.class,
          TransactionAbortedException.class,
          UnsupportedVersionException.class);

  private static final int LONGEST_REASON = 1_000;

  private Failures() {}

  /** Whether it came of a failure of this kind. */
  public static boolean is(Throwable failure, Class<? extends Throwable> type) {
    return find(failure, List.of(type)) != null;
  }

  /** Another producer with the same transactional id has taken over. */
  public static boolean isFenced(Throwable failure) {
    return find(failure, FENCED) != null;
  }

  /** What makes trying again useless, if anything does. */
  public static @Nullable Throwable hopeless(Throwable failure) {
    return find(failure, HOPELESS);
  }

  /**
   * The broker does not allow transactions to take so long. The client has that answer's message
   * and throws its class away, so it is compared with the message that the client has for it.
   */
  public static boolean isTransactionTimeoutTooLong(Throwable failure) {
    String said = Errors.INVALID_TRANSACTION_TIMEOUT.message();
    return is(failure, InvalidTxnTimeoutException.class)
        || Causes.of(failure).stream()
            .anyMatch(
                cause -> cause instanceof KafkaException && Causes.text(cause).contains(said));
  }

  /** Kafka does not let the relay in, or not do what it must; somebody may grant it later. */
  public static boolean isRefused(Throwable failure) {
    return find(failure, REFUSED) != null;
  }

  /**
   * Whether an answer to a record may be about the record itself: about what it is, or where it is
   * to go. All others are about the connection, the producer, its rights or its transaction.
   */
  static boolean mayBeOfRecord(Exception answer) {
    return (answer instanceof ApiException || isOfItsBatch(answer))
        && find(answer, OF_THE_PRODUCER) == null
        && !isFenced(answer)
        && !isRefused(answer);
  }

  /** The client says so, with no more than this class, of records beside a refused one. */
  private static boolean isOfItsBatch(Exception answer) {
    return answer.getClass() == KafkaException.class && answer.getCause() == null;
  }

  /** Whether it is, for certain. */
  public static boolean isOfRecord(Throwable answer) {
    return find(answer, OF_A_RECORD) != null;
  }

  /** The record that was refused, if that is what it came of. */
  public static Optional<RecordRefusedException> refusedRecord(Throwable failure) {
    return Optional.ofNullable(
        (RecordRefusedException) find(failure, List.of(RecordRefusedException.class)));
  }

  /** Why something cannot be published, fit for a note and a header: it may quote anything. */
  public static String reason(Throwable failure) {
    String text = text(failure);
    return text.substring(0, Math.min(LONGEST_REASON, text.length())).replace('\0', ' ');
  }

  /**
   * An exception of the application's may be of any kind, also one that cannot tell its message.
   */
  private static String text(Throwable failure) {
    boolean tellsAll =
        failure instanceof IllegalArgumentException
            || failure instanceof RelayHaltedException
            || failure instanceof RecordRefusedException;
    try {
      String message = tellsAll ? failure.getMessage() : null;
      return message == null ? Causes.text(failure) : message;
    } catch (RuntimeException | StackOverflowError e) {
      return failure.getClass().getName();
    }
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
