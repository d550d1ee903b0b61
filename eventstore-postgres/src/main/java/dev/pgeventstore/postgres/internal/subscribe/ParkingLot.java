package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.UndecodableEventException;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.Lender;
import dev.pgeventstore.internal.LentTransaction;
import dev.pgeventstore.internal.SqlFailure;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.ParkedRow;
import dev.pgeventstore.postgres.internal.tables.ParkedTable;
import dev.pgeventstore.postgres.internal.tables.ServerFunctions;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import dev.pgeventstore.postgres.internal.tables.StorableText;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.ParkedEvents;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The parked events of a subscription, as operators see and handle them. Safe for many threads.
 *
 * <p>It is longer than other classes because replaying and discarding lock the same rows in the
 * same order, which is best read in one place.
 */
final class ParkingLot implements ParkedEvents {

  /** How many streams are replayed before it is looked for more. */
  private static final int STREAMS_AT_ONCE = 1_000;

  /** Between two statements, but for the handler's. Lanes wait for the stream. */
  private static final Duration LONGEST_SILENCE = Duration.ofSeconds(10);

  private final String name;
  private final EventHandler handler;
  private final Lender lender;
  private final SubscriptionTables tables;
  private final Connections connections;
  private final ParkedTable table;
  private final EventsTable events;

  ParkingLot(String name, EventHandler handler, SubscriptionTables tables) {
    this.name = name;
    this.handler = handler;
    this.lender = Lender.to("the handler of subscription " + name);
    this.tables = tables;
    this.connections = tables.connections();
    this.table = tables.parked();
    this.events = tables.events();
  }

  @Override
  public long count() {
    return ask("counted", () -> connections.use(c -> table.count(c, name)));
  }

  @Override
  public List<ParkedEvent> list(int limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("a limit is 1 or more, not " + limit);
    }
    return ask("listed", () -> connections.use(c -> table.list(c, name, limit)));
  }

  @Override
  public Replay replay() {
    int handled = 0;
    List<ParkedEvent> failed = new ArrayList<>();
    List<UndecodableEventException> undecodable = new ArrayList<>();
    Set<StreamId> tried = new LinkedHashSet<>();
    while (true) {
      List<StreamId> streams =
          ask("listed", () -> connections.use(c -> table.streams(c, name))).stream()
              .filter(stream -> !tried.contains(stream))
              .sorted((a, b) -> a.toString().compareTo(b.toString()))
              .limit(STREAMS_AT_ONCE)
              .toList();
      if (streams.isEmpty()) {
        requireAllDecoded(undecodable, handled);
        return new Replayed(handled, List.copyOf(failed));
      }
      for (StreamId stream : streams) {
        tried.add(stream);
        try {
          Replay one = replay(stream);
          handled += one.handled();
          failed.addAll(one.failed());
        } catch (UndecodableEventException e) {
          undecodable.add(e);
        }
        if (Thread.currentThread().isInterrupted()) {
          return new Replayed(handled, List.copyOf(failed));
        }
      }
    }
  }

  private void requireAllDecoded(List<UndecodableEventException> undecodable, int handled) {
    if (!undecodable.isEmpty()) {
      throw new UndecodableEventException(
          "subscription %s has parked events of %d streams that this node cannot decode; they stay parked as they were, the other streams were replayed, with at least %d events handled. The first: %s"
              .formatted(name, undecodable.size(), handled, undecodable.get(0).getMessage()),
          undecodable.get(0));
    }
  }

  @Override
  public Replay replay(StreamId stream) {
    int handled = 0;
    while (true) {
      Step step = next(stream);
      if (step.failed().isPresent()) {
        return new Replayed(handled, List.of(step.failed().get()));
      }
      if (!step.isDone()) {
        return new Replayed(handled, List.of());
      }
      handled++;
      if (Thread.currentThread().isInterrupted()) {
        return new Replayed(handled, List.of());
      }
    }
  }

  /** Handles the first parked event of a stream, in a transaction of its own. */
  private Step next(StreamId stream) {
    KeptInterrupt interrupt = new KeptInterrupt();
    try {
      return next(stream, interrupt);
    } finally {
      interrupt.restore();
    }
  }

  private Step next(StreamId stream, KeptInterrupt interrupt) {
    Faults faults = new Faults(tables);
    while (true) {
      ParkedEvent[] handled = {null};
      try {
        return connections.inTransaction(
            connection -> {
              ServerFunctions.endIfSilent(connection, LONGEST_SILENCE);
              if (!table.holdAlone(connection, name, stream)) {
                return Step.NONE;
              }
              Optional<ParkedEvent> first = table.first(connection, name, stream);
              if (first.isEmpty()) {
                return Step.NONE;
              }
              Optional<RecordedEvent> event = events.at(connection, first.get().position());
              if (event.isPresent()) {
                ServerFunctions.endAsConfigured(connection);
                handle(event.get(), first.get(), connection, interrupt);
                handled[0] = first.get();
                ServerFunctions.endIfSilent(connection, LONGEST_SILENCE);
                table.remove(connection, name, first.get());
              } else {
                table.discard(connection, name, first.get(), "the event was truncated");
              }
              return Step.DONE;
            });
      } catch (HandlerFailedException e) {
        return failed(e, faults);
      } catch (SQLException e) {
        if (SqlErrors.isRolledBackByRace(e)) {
          continue;
        }
        if (handled[0] != null) {
          // What only the commit has found: a constraint that was deferred is the handler's.
          return failed(new HandlerFailedException(handled[0], e, false), faults);
        }
        throw SqlErrors.of("the parked events of stream " + stream + " cannot be replayed", e);
      }
    }
  }

  private Step failed(HandlerFailedException e, Faults faults) {
    if (!faults.isHandlers(e.failure, e.connectionLived, e.parked.position().value(), "")) {
      throw e.asEventStoreException();
    }
    if (Failure.isUndecodable(e.failure)) {
      throw e.asUndecodable();
    }
    remember(e);
    return new Step(false, Optional.of(e.parked(Failure.describe(e.failure))));
  }

  private void handle(
      RecordedEvent event, ParkedEvent parked, Connection connection, KeptInterrupt interrupt) {
    LentTransaction lent = lender.lend(connection);
    Batch batch =
        new Batch(
            name, 0, List.of(event), lent.connection(), parked.attempts() + 1, true, () -> false);
    try {
      // A lane may wait for the stream, which this holds.
      EngineThread.run(() -> handler.handle(batch));
      lent.takeBack();
      lent.requireOpen();
    } catch (Exception | Error e) {
      if (e instanceof Error error && Causes.isOfVirtualMachine(error)) {
        throw error;
      }
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      boolean lives = SqlFailure.of(e) == SqlFailure.LOST && lent.isAlive();
      throw new HandlerFailedException(parked, e, lives);
    } finally {
      interrupt.keep();
    }
  }

  private void remember(HandlerFailedException e) {
    ask(
        "changed",
        () ->
            connections.use(
                c -> {
                  table.failedAgain(c, name, e.parked.position(), Failure.describe(e.failure));
                  return name;
                }));
  }

  @Override
  public boolean discard(Position position, String reason) {
    if (reason.isBlank()) {
      throw new IllegalArgumentException("an event is not discarded without a reason");
    }
    if (!StorableText.is(reason)) {
      throw new IllegalArgumentException(
          "the reason for discarding an event has a NUL or half a surrogate pair in it");
    }
    return ask(
        "discarded",
        () ->
            connections.inTransaction(
                connection -> {
                  ServerFunctions.endIfSilent(connection, LONGEST_SILENCE);
                  Optional<ParkedEvent> event = table.at(connection, name, position);
                  if (event.isEmpty()
                      || !table.holdAlone(connection, name, event.get().stream())
                      || table.at(connection, name, position).isEmpty()) {
                    return false;
                  }
                  table.discard(connection, name, event.get(), reason);
                  return true;
                }));
  }

  private <T> T ask(String what, Question<T> question) {
    try {
      return question.ask();
    } catch (SQLException e) {
      throw SqlErrors.of("the parked events of " + name + " cannot be " + what, e);
    }
  }

  /**
   * Something that is asked of the database.
   *
   * @param <T> what it answers
   */
  private interface Question<T> {
    T ask() throws SQLException;
  }

  /**
   * An interrupt of the thread that replays. It is kept from the handler's return to the end of the
   * transaction, which it could break. For that thread.
   */
  private static final class KeptInterrupt {

    private boolean interrupted;

    void keep() {
      interrupted |= Thread.interrupted();
    }

    void restore() {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private record Replayed(int handled, List<ParkedEvent> failed) implements Replay {}

  /**
   * What became of the first parked event of a stream.
   *
   * @param isDone whether there was one, which is parked no more
   * @param failed the event, if it failed again
   */
  private record Step(boolean isDone, Optional<ParkedEvent> failed) {
    static final Step NONE = new Step(false, Optional.empty());
    static final Step DONE = new Step(true, Optional.empty());
  }

  /** Ends the transaction of a replay. */
  private static final class HandlerFailedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient ParkedEvent parked;
    private final transient Throwable failure;
    private final boolean connectionLived;

    HandlerFailedException(ParkedEvent parked, Throwable cause, boolean connectionLived) {
      super(Causes.text(cause), cause);
      this.parked = parked;
      this.failure = cause;
      this.connectionLived = connectionLived;
    }

    ParkedEvent parked(String error) {
      return new ParkedRow(
          parked.stream(),
          parked.version(),
          parked.position(),
          parked.attempts() + 1,
          Optional.of(error),
          parked.parkedAt());
    }

    /** Of no attempt: the handler never came to it. */
    UndecodableEventException asUndecodable() {
      return new UndecodableEventException(
          "the parked event at position %s of stream %s cannot be decoded on this node; it stays parked as it was: replay it on a node that knows it"
              .formatted(parked.position(), parked.stream()),
          failure);
    }

    EventStoreException asEventStoreException() {
      return new EventStoreException(
          "the database failed while the event at position %s was replayed"
              .formatted(parked.position()),
          failure);
    }
  }
}
