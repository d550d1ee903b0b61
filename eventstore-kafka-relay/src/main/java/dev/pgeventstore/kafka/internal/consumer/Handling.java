package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.kafka.consumer.DeadLetters;
import dev.pgeventstore.kafka.consumer.InboxResult;
import dev.pgeventstore.kafka.consumer.MarkHeldException;
import dev.pgeventstore.kafka.consumer.NotRelayedException;
import dev.pgeventstore.kafka.consumer.RelayedBatch;
import dev.pgeventstore.kafka.consumer.RelayedHandler;
import dev.pgeventstore.kafka.internal.consumer.TryFailedException.Stage;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import javax.sql.DataSource;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Handles records, or sets one aside, in one transaction. Safe for many threads. */
public final class Handling {

  private static final Logger LOG = LoggerFactory.getLogger(Handling.class);

  /** No longer: a partition that waits for a mark must not keep a thread from the others. */
  private static final Duration WAIT_FOR_MARK = Duration.ofMillis(250);

  private final Inbox inbox;
  private final DataSource dataSource;
  private final RelayedHandler handler;
  private final @Nullable DeadLetters deadLetters;
  private final @Nullable String replayOf;
  private final AtomicLong handled = new AtomicLong();
  private final AtomicLong repeated = new AtomicLong();
  private final AtomicLong setAside = new AtomicLong();

  public Handling(
      Inbox inbox,
      DataSource dataSource,
      RelayedHandler handler,
      @Nullable DeadLetters deadLetters,
      @Nullable String replayOf) {
    this.inbox = inbox;
    this.dataSource = dataSource;
    this.handler = handler;
    this.deadLetters = deadLetters;
    this.replayOf = replayOf;
  }

  /**
   * Handles those that are new.
   *
   * @param attempt 1 for the first
   * @param isStopping whether the handler should give up
   * @throws TryFailedException nothing was handled; or all, if it was the commit that failed
   */
  public void handle(
      List<ConsumerRecord<byte[], byte[]>> records, int attempt, BooleanSupplier isStopping)
      throws TryFailedException {
    InboxResult result =
        new InboxTry(inbox, new Attempt(attempt, isStopping, WAIT_FOR_MARK))
            .on(dataSource, originals(records), this::callHandler);
    handled.addAndGet(result.handled());
    repeated.addAndGet(result.repeated());
  }

  private void callHandler(RelayedBatch batch) throws Exception {
    try {
      handler.handle(batch);
    } finally {
      // One that the handler has left behind says no more than what the handler did otherwise.
      Thread.interrupted();
    }
  }

  private List<ConsumerRecord<byte[], byte[]>> originals(
      List<ConsumerRecord<byte[], byte[]>> records) throws TryFailedException {
    if (replayOf == null) {
      return records;
    }
    try {
      return records.stream()
          .filter(letter -> DeadLetters.groupOf(letter).equals(replayOf))
          .map(DeadLetters::original)
          .toList();
    } catch (NotRelayedException e) {
      throw new TryFailedException(Stage.BEFORE, e, false);
    }
  }

  /**
   * Sends a record to the dead letter topic, with its mark locked, and moves the mark. Where
   * another consumer has handled it meanwhile nothing is sent.
   *
   * @return what failed; null if it was set aside
   */
  public @Nullable FailedLetter setAside(
      ConsumerRecord<byte[], byte[]> record, Throwable why, int attempts, boolean isSent) {
    boolean[] sent = {isSent};
    try {
      InboxResult result =
          new InboxTry(inbox, Attempt.only(WAIT_FOR_MARK))
              .on(
                  dataSource,
                  List.of(record),
                  batch -> {
                    if (!sent[0] && deadLetters != null) {
                      deadLetters.send(record, inbox.group(), why, attempts);
                      sent[0] = true;
                    }
                  });
      repeated.addAndGet(result.repeated());
      setAside.addAndGet(result.handled());
      if (result.handled() > 0) {
        LOG.warn("consumer {} has set {} aside: {}", inbox.group(), at(record), Causes.text(why));
      }
      return null;
    } catch (TryFailedException e) {
      return new FailedLetter(blame(e), e.failure(), sent[0]);
    }
  }

  private static Blame blame(TryFailedException e) {
    if (Causes.isOfVirtualMachine(e.failure())) {
      return Blame.MACHINE;
    }
    if (e.failure() instanceof MarkHeldException) {
      return Blame.MARK_HELD;
    }
    boolean tooLarge =
        Causes.of(e.failure()).stream().anyMatch(RecordTooLargeException.class::isInstance);
    return tooLarge ? Blame.HOPELESS : Blame.ENVIRONMENT;
  }

  public static String at(ConsumerRecord<byte[], byte[]> record) {
    return "%s-%d@%d".formatted(record.topic(), record.partition(), record.offset());
  }

  public long handled() {
    return handled.get();
  }

  public long repeated() {
    return repeated.get();
  }

  public long setAside() {
    return setAside.get();
  }

  /**
   * A record that could not be set aside.
   *
   * @param blame what that is put down to
   * @param failure why
   * @param isSent whether it is in the dead letter topic all the same, and only its mark is not
   *     moved
   */
  record FailedLetter(Blame blame, Throwable failure, boolean isSent) {}
}
