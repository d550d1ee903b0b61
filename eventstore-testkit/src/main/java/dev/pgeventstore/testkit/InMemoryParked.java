package dev.pgeventstore.testkit;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.UndecodableEventException;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.internal.EngineThread;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.ParkedEvents;
import dev.pgeventstore.testkit.ParkedStreams.Aside;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.Lock;

/** Lists, replays and discards the parked events of a subscription. Safe for many threads. */
final class InMemoryParked implements ParkedEvents {

  private final String name;
  private final EventHandler handler;
  private final ParkedStreams streams;
  private final HandlerTransactions transactions;
  private final Monitor monitor;

  /** Held while an event is replayed, so that no other thread replays or discards it meanwhile. */
  private final Lock replaying = Scheduler.threads().newLock();

  InMemoryParked(
      String name,
      EventHandler handler,
      ParkedStreams streams,
      HandlerTransactions transactions,
      Monitor monitor) {
    this.name = name;
    this.handler = handler;
    this.streams = streams;
    this.transactions = transactions;
    this.monitor = monitor;
  }

  @Override
  public long count() {
    return monitor.read(() -> streams.all().size());
  }

  @Override
  public List<ParkedEvent> list(int limit) {
    if (limit < 1) {
      throw new IllegalArgumentException("a limit is 1 or more, not " + limit);
    }
    return monitor.read(() -> streams.all().stream().limit(limit).map(Aside::description).toList());
  }

  @Override
  public Replay replay() {
    int handled = 0;
    List<ParkedEvent> failed = new ArrayList<>();
    List<UndecodableEventException> undecodable = new ArrayList<>();
    List<StreamId> parked =
        monitor.read(
            () ->
                streams.streams().stream()
                    .sorted(Comparator.comparing(StreamId::toString))
                    .toList());
    for (StreamId stream : parked) {
      try {
        Replay one = replay(stream);
        handled += one.handled();
        failed.addAll(one.failed());
      } catch (UndecodableEventException e) {
        undecodable.add(e);
      }
      if (Thread.currentThread().isInterrupted()) {
        break;
      }
    }
    if (!undecodable.isEmpty()) {
      throw undecodable.get(0);
    }
    return new Replayed(handled, List.copyOf(failed));
  }

  @Override
  public Replay replay(StreamId stream) {
    int handled = 0;
    do {
      replaying.lock();
      try {
        Optional<Aside> first = monitor.read(() -> streams.first(stream));
        if (first.isEmpty()) {
          break;
        }
        Optional<ParkedEvent> failed = handle(first.get());
        if (failed.isPresent()) {
          return new Replayed(handled, List.of(failed.get()));
        }
      } finally {
        replaying.unlock();
      }
      handled++;
    } while (!Thread.currentThread().isInterrupted());
    return new Replayed(handled, List.of());
  }

  /** Handles one event again. Returns its new description if it has failed. */
  private Optional<ParkedEvent> handle(Aside one) {
    boolean[] interrupted = {false};
    try {
      transactions.commit(
          "the handler of subscription " + name,
          connection -> {
            HandedBatch batch =
                new HandedBatch(
                    name,
                    0,
                    List.of(one.event()),
                    connection,
                    one.description().attempts() + 1,
                    true,
                    () -> false);
            try {
              EngineThread.run(() -> handler.handle(batch));
            } finally {
              interrupted[0] = Thread.interrupted();
            }
          });
    } catch (Exception | Error e) {
      if (Causes.isOfVirtualMachine(e)) {
        throw (Error) e;
      }
      interrupted[0] |= e instanceof InterruptedException;
      return Optional.of(failed(one, e));
    } finally {
      if (interrupted[0]) {
        Thread.currentThread().interrupt();
      }
    }
    monitor.change(() -> streams.remove(one));
    return Optional.empty();
  }

  private ParkedEvent failed(Aside one, Throwable failure) {
    if (Failures.isUndecodable(failure)) {
      throw new UndecodableEventException(
          "the parked event at position %s of stream %s cannot be decoded; it stays parked as it was"
              .formatted(one.event().position(), one.event().stream()),
          failure);
    }
    return monitor.change(() -> streams.failedAgain(one, Failures.describe(failure)));
  }

  @Override
  public boolean discard(Position position, String reason) {
    if (reason.isBlank()) {
      throw new IllegalArgumentException("an event is not discarded without a reason");
    }
    replaying.lock();
    try {
      return monitor.change(() -> streams.discard(position, reason));
    } finally {
      replaying.unlock();
    }
  }

  private record Replayed(int handled, List<ParkedEvent> failed) implements Replay {}
}
