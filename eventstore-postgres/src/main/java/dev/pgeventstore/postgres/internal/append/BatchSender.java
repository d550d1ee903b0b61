package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.StoreListener;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.Listeners;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Answer;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Outcome;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import dev.pgeventstore.postgres.internal.tables.CommitListener;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Sends the appends of a batch together. If one append fails the batch, sends them one by one. */
final class BatchSender {

  private final Statement statement;
  private final CommitListener listener;
  private final Scheduler scheduler;
  private final @Nullable StoreListener told;

  /**
   * @param committed called after each commit that wrote something
   * @param told notified of each batch; null if there is no listener
   */
  BatchSender(
      Statement statement, Runnable committed, Scheduler scheduler, @Nullable StoreListener told) {
    this.statement = statement;
    this.listener = new CommitListener(committed);
    this.scheduler = scheduler;
    this.told = told;
  }

  /**
   * Sends a batch, and stores the results in it.
   *
   * @return a task that notifies the listener, to be run when no caller waits for the batch; null
   *     if there is no listener
   */
  @Nullable Runnable send(SentBatch batch) {
    if (told == null) {
      sendAll(batch);
      return null;
    }
    long began = scheduler.nanoTime();
    batch.appends.forEach(PendingAppend::sending);
    sendAll(batch);
    Sent sent =
        new Sent(batch.size(), batch.events(), Duration.ofNanos(scheduler.nanoTime() - began));
    return () -> Listeners.call("the store", () -> told.sent(sent));
  }

  private void sendAll(SentBatch batch) {
    try {
      List<Answer> answers = statement.send(batch.requests(), batch.exchange);
      for (int i = 0; i < answers.size(); i++) {
        batch.answered(i, answers.get(i));
      }
      tellIfWritten(answers);
    } catch (SQLException e) {
      failed(batch, e);
    } catch (RuntimeException | Error e) {
      batch.allFailed(e);
    }
  }

  private void tellIfWritten(List<Answer> answers) {
    if (answers.stream().anyMatch(answer -> answer.outcome() == Outcome.WRITTEN)) {
      listener.committed();
    }
  }

  private void failed(SentBatch batch, SQLException e) {
    if (isEnd(e)) {
      batch.allFailed(e);
    } else if (batch.size() > 1) {
      sendOneByOne(batch);
    } else if (!SqlErrors.isLockNotAvailable(e)) {
      batch.failed(0, e);
    }
  }

  /** Whether the connection has failed, not the append. */
  private static boolean isEnd(SQLException e) {
    return e instanceof Sender.NotSentException || SqlErrors.isConnectionLost(e);
  }

  /**
   * The whole batch was rolled back because of one append. Sent one by one, only that append fails.
   */
  private void sendOneByOne(SentBatch batch) {
    Set<StreamId> held = new HashSet<>();
    for (int i = 0; i < batch.size(); i++) {
      List<StreamId> streams = batch.request(i).streams();
      // Later appends must not overtake a postponed one.
      if (!Collections.disjoint(held, streams)) {
        held.addAll(streams);
        continue;
      }
      try {
        List<Answer> answers = statement.send(List.of(batch.request(i)), batch.exchange);
        batch.answered(i, answers.get(0));
        tellIfWritten(answers);
        if (answers.get(0).outcome() == Outcome.BUSY) {
          held.addAll(streams);
        }
      } catch (SQLException e) {
        if (SqlErrors.isLockNotAvailable(e)) {
          held.addAll(streams);
          continue;
        }
        batch.failed(i, e);
        if (isEnd(e)) {
          return; // The rest has not been sent, and is sent with the next batch.
        }
      } catch (RuntimeException | Error e) {
        batch.failed(i, e);
      }
    }
  }

  private record Sent(int appends, int events, Duration took) implements StoreListener.Batch {}

  /** One statement for some appends. */
  @FunctionalInterface
  interface Statement {

    /** Sends it, and reads a response for each. */
    List<Answer> send(List<AppendRequest> requests, Exchange exchange) throws SQLException;
  }
}
