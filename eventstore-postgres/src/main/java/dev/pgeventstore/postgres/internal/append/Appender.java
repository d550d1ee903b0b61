package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.internal.AppendNews;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.AppendFunction;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Answer;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import dev.pgeventstore.postgres.internal.tables.CommitListener;
import dev.pgeventstore.postgres.internal.tables.OutboxTable;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * The append path. An append is sent together with others, alone in a transaction, or in the
 * caller's transaction.
 */
public final class Appender implements AutoCloseable {

  /**
   * A blocking append with at least this many events and messages is sent alone. Grouping saves the
   * fixed cost of a transaction, which is small in comparison then, and several connections write
   * faster than one.
   */
  private static final int ALONE_FROM = 16;

  private final Sender sender;
  private final AppendFunction function;
  private final OutboxTable outbox;
  private final EventEncoder encoder;
  private final boolean grouping;
  private final CommitListener listener;
  private final GroupAppender group;
  private final Scheduler scheduler;
  private final @Nullable StoreListener told;
  private volatile boolean closed;

  /**
   * Creates the append path.
   *
   * @param grouping whether synchronous appends are sent together
   * @param limit how long appends that are sent together wait for their response
   * @param committed called after each commit that wrote something
   * @param told notified of the outcome of each append; null if there is no listener
   */
  public Appender(
      Scheduler scheduler,
      DataSource dataSource,
      AppendFunction function,
      OutboxTable outbox,
      EventEncoder encoder,
      boolean grouping,
      Duration limit,
      Runnable committed,
      @Nullable StoreListener told) {
    this.scheduler = scheduler;
    this.told = told;
    this.sender = new Sender(dataSource, false);
    this.function = function;
    this.outbox = outbox;
    this.encoder = encoder;
    this.grouping = grouping;
    this.listener = new CommitListener(committed);
    Sender ofGroup = new Sender(dataSource, true);
    this.group =
        new GroupAppender(
            scheduler,
            new BatchSender(
                (requests, exchange) ->
                    ofGroup.send(c -> function.callImpatiently(c, requests), exchange),
                committed,
                scheduler,
                told),
            limit);
  }

  /** Appends, and waits for the response. */
  public AppendResult append(Append append) {
    AppendRequest request = encoder.encode(append);
    AppendNews news = AppendNews.of(told, append, scheduler::nanoTime);
    if (news == null) {
      return send(append, request, null);
    }
    AppendResult result;
    try {
      result = send(append, request, news);
    } catch (RuntimeException | Error e) {
      news.failed(e);
      throw e;
    }
    news.committed(result);
    return result;
  }

  private AppendResult send(Append append, AppendRequest request, @Nullable AppendNews news) {
    return grouping && request.rowCount() < ALONE_FROM && !request.hasMessages()
        ? group.append(append, request, news)
        : alone(append, request, news);
  }

  /** Appends without waiting for the response. */
  public CompletableFuture<AppendResult> appendAsync(Append append) {
    AppendRequest request = encoder.encode(append);
    AppendNews news = AppendNews.of(told, append, scheduler::nanoTime);
    try {
      return group.appendAsync(append, request, news);
    } catch (RuntimeException e) {
      if (news != null) {
        news.failed(e);
      }
      throw e;
    }
  }

  private AppendResult alone(Append append, AppendRequest request, @Nullable AppendNews news) {
    requireOpen(append);
    try {
      Answer answer =
          sender.send(
              connection -> {
                if (news != null) {
                  news.sending();
                }
                return function.call(connection, request);
              });
      if (answer.outcome() == AppendFunction.Outcome.WRITTEN) {
        listener.committed();
      }
      return Answers.result(append, answer, request.incarnation());
    } catch (SQLException e) {
      throw Failures.of(append.toString(), e);
    }
  }

  private void requireOpen(Object what) {
    if (closed) {
      throw new IllegalStateException("the store is closed, nothing was written: " + what);
    }
  }

  /** Writes messages in their own transaction. */
  public Position publish(List<OutboxMessage> messages) {
    encoder.check(messages);
    String what = what(messages);
    requireOpen(what);
    try {
      long last = sender.send(connection -> outbox.publish(connection, messages));
      listener.committed();
      return Position.of(last);
    } catch (SQLException e) {
      throw Failures.ofPublishing(what, e);
    }
  }

  /** Writes messages in the caller's transaction. */
  public Position publish(List<OutboxMessage> messages, Connection connection) {
    encoder.check(messages);
    try {
      return Position.of(outbox.publish(connection, messages));
    } catch (SQLException e) {
      throw SqlErrors.inCallersTransaction(what(messages), e);
    }
  }

  private static String what(List<OutboxMessage> messages) {
    return "publishing of %d messages".formatted(messages.size());
  }

  /** Appends in the caller's transaction. */
  public AppendResult append(Append append, Connection connection) {
    AppendRequest request = encoder.encode(append);
    AppendNews news = AppendNews.of(told, append, scheduler::nanoTime);
    if (news == null) {
      return call(append, request, connection);
    }
    AppendResult result;
    try {
      news.sending();
      result = call(append, request, connection);
    } catch (RuntimeException | Error e) {
      news.failed(e);
      throw e;
    }
    news.written(result);
    return result;
  }

  private AppendResult call(Append append, AppendRequest request, Connection connection) {
    try {
      // The caller may still roll back, so a wait for this append looks it up in any incarnation.
      return Answers.result(append, function.call(connection, request), "");
    } catch (SQLException e) {
      throw SqlErrors.inCallersTransaction(append.toString(), e);
    }
  }

  /** Accepts no more appends, and finishes those that it has accepted. */
  @Override
  public void close() {
    closed = true;
    group.close();
  }
}
