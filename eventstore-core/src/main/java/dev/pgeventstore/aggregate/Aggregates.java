package dev.pgeventstore.aggregate;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.codec.SnapshotCodec;
import dev.pgeventstore.internal.Backoff;
import dev.pgeventstore.spi.SnapshotHost;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The streams of one category as states to decide on. Immutable, and safe for many threads if the
 * streams it was made with are.
 *
 * <p>Events whose content was erased are skipped, but count in the version. For a truncated stream,
 * the state is built from the events that are left.
 *
 * <pre>{@code
 * Aggregates<Order, OrderEvent> orders = Aggregates.of(store, "order", Order.EVOLUTION);
 * orders.execute("42", order -> order.ship(clock.instant()));
 * }</pre>
 *
 * @param <S> the state
 * @param <E> the events
 */
// Most of this file is documentation.
public final class Aggregates<S, E> {

  /** How often {@link #execute} retries after a conflict by default. */
  public static final int DEFAULT_RETRIES = 10;

  private static final long LONGEST_PAUSE_MILLIS = 250;

  private final EventStreams streams;
  private final String category;
  private final Evolution<S, E> evolution;
  private final int retries;
  private final @Nullable Snapshots<S> snapshots;

  private Aggregates(
      EventStreams streams,
      String category,
      Evolution<S, E> evolution,
      int retries,
      @Nullable Snapshots<S> snapshots) {
    this.streams = streams;
    this.category = category;
    this.evolution = evolution;
    this.retries = retries;
    this.snapshots = snapshots;
  }

  /**
   * The aggregates of a category.
   *
   * @param streams a store, or what its {@code within} returned, to take part in a transaction
   * @param category of the streams
   * @param evolution how events add up to a state
   * @param <S> the state
   * @param <E> the events; a stream of the category that has others cannot be loaded
   * @return the aggregates
   */
  public static <S, E> Aggregates<S, E> of(
      EventStreams streams, String category, Evolution<S, E> evolution) {
    return new Aggregates<>(streams, category, evolution, DEFAULT_RETRIES, null);
  }

  /**
   * The same with another bound on what {@link #execute} does after a conflict.
   *
   * @param atMost how often it retries, 0 or more; {@value #DEFAULT_RETRIES} by default
   * @return a changed copy
   * @throws IllegalArgumentException if it is negative
   */
  public Aggregates<S, E> retries(int atMost) {
    if (atMost < 0) {
      throw new IllegalArgumentException("retries are 0 or more, not " + atMost);
    }
    return new Aggregates<>(streams, category, evolution, atMost, snapshots);
  }

  /**
   * The same with snapshots, so that long histories load fast: a load reads the latest snapshot and
   * the events after it, in one round trip unless more than 500 events follow. By default there are
   * none.
   *
   * <p>When the state that {@link #execute} decided on has passed a multiple of {@code events}
   * since the last snapshot, it is written after the append has been committed, in a transaction of
   * its own. A load writes none, nor does an append in a transaction of the caller. For each stream
   * the latest snapshot is kept, under the name of the codec.
   *
   * <p>Snapshots affect how long a load takes, never its result. A snapshot that cannot be read,
   * has another revision, or is later than the requested version is skipped. If one cannot be
   * written, this is logged, and the command still succeeds.
   *
   * @param events how many events from one snapshot to the next, 1 or more; a few hundred for most
   * @param codec of the states
   * @return a changed copy
   * @throws IllegalArgumentException if the number is below 1, or these streams keep no snapshots
   */
  public Aggregates<S, E> snapshotEvery(int events, SnapshotCodec<S> codec) {
    if (events < 1) {
      throw new IllegalArgumentException("a snapshot is for 1 event or more, not " + events);
    }
    SnapshotHost host =
        streams
            .unwrap(SnapshotHost.class)
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        streams.getClass().getName() + " keeps no snapshots"));
    return new Aggregates<>(
        streams, category, evolution, retries, new Snapshots<>(host, codec, events));
  }

  /**
   * The present state of a stream.
   *
   * @param key of the stream
   * @return the state; the evolution's initial one, at version 0, for an unknown stream
   */
  public Aggregate<S> load(String key) {
    return fold(StreamId.of(category, key), Long.MAX_VALUE).aggregate();
  }

  /**
   * The state that a stream had when it was at some version.
   *
   * @param key of the stream
   * @param atVersion the last version to take in, 0 or more
   * @return the state; the present one if the stream is not at that version yet
   * @throws IllegalArgumentException if the version is negative
   */
  public Aggregate<S> load(String key, long atVersion) {
    if (atVersion < 0) {
      throw new IllegalArgumentException("a version is 0 or more, not " + atVersion);
    }
    return fold(StreamId.of(category, key), atVersion).aggregate();
  }

  private Loaded<S> fold(StreamId stream, long upTo) {
    Snapshots.Beginning<S> beginning = beginning(stream, upTo);
    S state = beginning.state();
    long version = beginning.version();
    for (RecordedEvent event : beginning.tail()) {
      state = evolve(state, event);
      version = event.version();
    }
    if (!beginning.complete() && version < upTo) {
      Iterator<RecordedEvent> events =
          streams.readLazily(stream, StreamRange.forwardsFrom(version + 1).upTo(upTo)).iterator();
      while (events.hasNext()) {
        RecordedEvent event = events.next();
        state = evolve(state, event);
        version = event.version();
      }
    }
    return new Loaded<>(new Folded<>(stream, version, state), beginning.version());
  }

  private Snapshots.Beginning<S> beginning(StreamId stream, long upTo) {
    S initial = evolution.initial();
    return snapshots == null || upTo == 0
        ? new Snapshots.Beginning<>(initial, 0, List.of(), false)
        : snapshots.beginning(stream, initial, upTo);
  }

  // The evolution was written for what its category holds; anything else fails in its evolve. It
  // cannot know what was erased, and need not: only the version counts it.
  @SuppressWarnings("unchecked")
  private S evolve(S state, RecordedEvent event) {
    return event.isErased() ? state : evolution.evolve(state, (E) event.payload());
  }

  /**
   * Loads, decides and appends.
   *
   * @param key of the stream
   * @param decide what happens, given the state. It may be called several times, so it must do
   *     nothing else
   * @return the state after the decision; nothing is appended if it was empty
   * @throws ConflictException if other writers were faster at every attempt; nothing was written.
   *     The message says how many attempts were made
   * @throws OutcomeUnknownException if the response was lost, and retries did not bring a result
   * @see #execute(String, Metadata, Function)
   */
  public Execution<S> execute(String key, Function<? super S, ? extends List<? extends E>> decide) {
    return execute(key, Metadata.none(), decide);
  }

  /**
   * Loads, decides and appends, with metadata on each event.
   *
   * <p>If another writer is faster, all of it is done again on the fresh state, after a short pause
   * of random length (up to a quarter of a second), as often as {@link #retries} allows. An
   * interrupt ends this: the last conflict is thrown and the interrupt kept. If a response is lost,
   * the same events are sent again under the same ids, which is safe, within the same limit. What
   * {@code decide} throws is passed on.
   *
   * @param key of the stream
   * @param metadata for each event
   * @param decide what happens, given the state. It may be called several times, so it must do
   *     nothing else
   * @return the state after the decision; nothing is appended if it was empty
   * @throws ConflictException if other writers were faster at every attempt; nothing was written.
   *     The message says how many attempts were made
   * @throws OutcomeUnknownException if the response was lost, and retries did not bring a result
   */
  public Execution<S> execute(
      String key, Metadata metadata, Function<? super S, ? extends List<? extends E>> decide) {
    Tries tries = new Tries(retries);
    while (true) {
      Loaded<S> loaded = fold(StreamId.of(category, key), Long.MAX_VALUE);
      Aggregate<S> before = loaded.aggregate();
      List<? extends E> decided = decide.apply(before.state());
      if (decided.isEmpty()) {
        return new Execution<>(before, null);
      }
      // Made once per decision: after a lost response the same ids are sent again.
      List<NewEvent> events =
          decided.stream()
              .<NewEvent>map(event -> NewEvent.of(event).withMetadata(metadata))
              .toList();
      try {
        AppendResult result = append(before, events, tries);
        S state = before.state();
        for (E event : decided) {
          state = evolution.evolve(state, event);
        }
        if (snapshots != null) {
          snapshots.keep(before, loaded.snapshotVersion());
        }
        return new Execution<>(
            new Folded<>(before.stream(), result.version(before.stream()), state), result);
      } catch (ConflictException e) {
        int tried = tries.made();
        if (!tries.again()) {
          throw tried == 1 ? e : new ConflictException(e, tried);
        }
      }
    }
  }

  private AppendResult append(Aggregate<S> before, List<NewEvent> events, Tries tries) {
    @Nullable OutcomeUnknownException unknown = null;
    while (true) {
      try {
        return streams.append(before.stream(), before.expected(), events);
      } catch (OutcomeUnknownException e) {
        unknown = e;
        if (!tries.again()) {
          throw e;
        }
      } catch (ConflictException e) {
        // Had the first try been committed, this one would have been its replay.
        throw e;
      } catch (EventStoreException e) {
        if (unknown == null) {
          throw e;
        }
        // This attempt wrote nothing, but the one before may have.
        unknown.addSuppressed(e);
        throw unknown;
      }
    }
  }

  private record Folded<S>(StreamId stream, long version, S state) implements Aggregate<S> {}

  /** A state, and the version of the snapshot that it was built from; 0 if from none. */
  private record Loaded<S>(Aggregate<S> aggregate, long snapshotVersion) {}

  /** How often to try again, and the pause before it. For one call. */
  private static final class Tries {

    private int left;
    private int made = 1;
    private final Backoff pauses = new Backoff(1, LONGEST_PAUSE_MILLIS);

    Tries(int left) {
      this.left = left;
    }

    /** How many, the one under way included. */
    int made() {
      return made;
    }

    /** Pauses; false if it was the last try, or the thread is interrupted. */
    boolean again() {
      if (left == 0) {
        return false;
      }
      left--;
      try {
        Thread.sleep(ThreadLocalRandom.current().nextLong(pauses.next() + 1));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
      made++;
      return true;
    }
  }
}
