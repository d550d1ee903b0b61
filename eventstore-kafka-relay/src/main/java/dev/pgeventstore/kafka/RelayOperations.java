package dev.pgeventstore.kafka;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.clients.KafkaSettings;
import dev.pgeventstore.kafka.internal.operate.ClusterMove;
import dev.pgeventstore.kafka.internal.operate.LateRecords;
import dev.pgeventstore.kafka.internal.operate.Operator;
import dev.pgeventstore.kafka.internal.operate.ParkedRetry;
import dev.pgeventstore.kafka.internal.operate.Recovery;
import dev.pgeventstore.kafka.internal.operate.Redeclaration;
import dev.pgeventstore.kafka.internal.operate.Renewal;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.LanePosition;
import dev.pgeventstore.kafka.internal.position.NoteChanges;
import dev.pgeventstore.kafka.internal.position.ParkedNote;
import dev.pgeventstore.kafka.internal.position.PositionRange;
import dev.pgeventstore.kafka.internal.relay.LaneBeginning.Start;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.subscription.Partitions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What operators do to a relay, from any process. Safe for many threads.
 *
 * <p>Each operation takes the lead from the current leader, as a takeover does: it takes the lease,
 * fences the other producer, reads the notes, and commits its change. The relay then takes the lead
 * back and continues from there, within the time of a lease at most. So a change is as safe as a
 * takeover, and two never publish at the same time. With at-least-once delivery there is no fence:
 * for up to the time of a lease the relay may continue to send, and what it sends is sent again;
 * what its producer could not deliver until then may arrive even later. Stop the relay first if the
 * order matters to readers that keep no marks.
 *
 * <p>Each change is noted with its time and reason ({@link #audit}). Operations throw what Kafka
 * and the database throw; then nothing was changed, unless the outcome of the commit is unknown.
 *
 * <p>This class is long because it says what each operation promises; the work is done in internal
 * packages.
 */
public final class RelayOperations {

  private static final Duration POLL = Duration.ofMillis(200);

  private final EventStore store;
  private final RelaySpec spec;
  private final Operator operator;

  RelayOperations(EventStore store, EventFeed feed, RelaySpec spec, KafkaSettings settings) {
    this.store = store;
    this.spec = spec;
    this.operator = new Operator(spec, feed, settings);
  }

  /**
   * Where the relay stands, by its notes: everything wanted at or below is in Kafka. Does not take
   * the lead.
   *
   * @return the least position of its lanes; the start if one never ran
   * @throws InterruptedException if the thread was interrupted
   */
  public Position position() throws InterruptedException {
    return operator.lookAtAll().stream()
        .map(notes -> notes.position().map(LanePosition::position).orElse(Position.START))
        .min(Position::compareTo)
        .orElseThrow();
  }

  /**
   * Pauses the relay, in all processes, until {@link #resume}.
   *
   * @param why is shown in the status
   * @throws InterruptedException if the thread was interrupted
   */
  public void pause(String why) throws InterruptedException {
    operator.changeAll(
        "pause: " + why,
        (access, notes) -> {
          // A position first: one that is paused before it ever ran starts where it would have.
          access.position(notes);
          return Map.of(LaneNotes.PAUSED, why);
        });
  }

  /**
   * Ends a pause.
   *
   * @throws InterruptedException if the thread was interrupted
   */
  public void resume() throws InterruptedException {
    operator.changeAll(
        "resume",
        (access, notes) -> {
          Map<String, @Nullable String> changes = new HashMap<>();
          changes.put(LaneNotes.PAUSED, null);
          return changes;
        });
  }

  /**
   * Waits until everything that is settled now is published, and pauses the relay then. It must be
   * running somewhere.
   *
   * @param timeout how long to wait
   * @param why is shown in the status
   * @return everything wanted at or below it is published; what came later may have been begun
   * @throws TimeoutException if it did not come that far; it is not paused then
   * @throws InterruptedException if the thread was interrupted
   */
  public Position drain(Duration timeout, String why)
      throws TimeoutException, InterruptedException {
    Position wanted = operator.feed().highWaterMark();
    long deadline = operator.scheduler().nanoTime() + Durations.nanos(timeout);
    Position reached = position();
    while (wanted.isAfter(reached)) {
      if (operator.scheduler().nanoTime() - deadline > 0) {
        throw new TimeoutException(
            "relay %s stands at position %s, not at %s yet"
                .formatted(spec.name(), reached, wanted));
      }
      operator.scheduler().sleep(POLL.toNanos());
      reached = position();
    }
    pause(why);
    return position();
  }

  /**
   * Lets the relay publish once more what follows a position, because it was lost in Kafka.
   * Consumers that check places drop what they have seen. The topics must be those they were.
   * Outbox messages that were published do not come back: their rows are gone. With several lanes
   * each is rewound by itself; one that fails leaves those before it rewound.
   *
   * @param position exclusive; settled, and not before the one after which the series began: what
   *     is before that is of an earlier series, or was never published
   * @param why for the audit
   * @throws IllegalArgumentException if the relay has not come that far, or its series began later
   * @throws InterruptedException if the thread was interrupted
   */
  public void rewindTo(Position position, String why) throws InterruptedException {
    requireInSeries(position);
    operator.changeAll(
        "%s%s: %s".formatted(LaneNotes.REWIND, position, why),
        (access, notes) -> {
          LanePosition now = access.position(notes);
          if (position.isAfter(now.position())) {
            throw new IllegalArgumentException(
                "the relay stands at position %s: it cannot be rewound to %s"
                    .formatted(now.position(), position));
          }
          Map<String, @Nullable String> changes = new NoteChanges(notes).rewound();
          // A lane whose series began later publishes that from its beginning.
          Position start = notes.start();
          changes.put(
              LaneNotes.POSITION,
              access.lane().at(start.isAfter(position) ? start : position).format());
          return changes;
        });
  }

  private void requireInSeries(Position position) throws InterruptedException {
    Position first =
        operator.lookAtAll().stream().map(LaneNotes::start).min(Position::compareTo).orElseThrow();
    if (first.isAfter(position)) {
      throw new IllegalArgumentException(
          "the relay's series began after position %s: to publish what follows %s as well, begin a new one with newSeries"
              .formatted(first, position));
    }
  }

  /**
   * Lets the relay begin a new series: order starts anew, the header {@code es_relay} becomes
   * another one, and topics are taken as they are now. Use it to continue when the database has
   * lost events that were published (after the last event that both have), when the relay's
   * position was lost or is an older copy (after the last record that it has published), and when a
   * topic was deleted and created anew (after the position from which on it is to have events).
   * Outbox messages at or below the position are deleted, published or not. To begin one where each
   * lane stands, use {@link #redeclare}.
   *
   * @param after exclusive; settled
   * @param why for the audit
   * @throws InterruptedException if the thread was interrupted
   */
  public void newSeries(Position after, String why) throws InterruptedException {
    for (int lane = 0; lane < spec.lanes(); lane++) {
      newSeries(lane, after, why);
    }
  }

  /**
   * The same for one lane; the others go on as they were. After the database has lost events each
   * lane halts by itself, and says behind which position it is to go on: lanes end at different
   * ones, and behind another lane's it would repeat events, or leave some out.
   *
   * @param lane 0 for the first
   * @param after exclusive; settled
   * @param why for the audit
   * @throws IllegalArgumentException if there is no such lane
   * @throws InterruptedException if the thread was interrupted
   */
  public void newSeries(int lane, Position after, String why) throws InterruptedException {
    requireLane(lane);
    operator.onLane(lane, Start.LOST, (access, lead) -> Renewal.newSeries(access, after, why));
  }

  /**
   * Makes the notes of the relay anew, where they were lost or are older than what was published:
   * where each lane stands, what waits and what was left out, from its topics and the store. The
   * same series goes on, so the marks of consumers hold. What is found is verified before it is
   * noted: every record, as {@link #verify} does.
   *
   * <p>Of the events that were never published those with which a stream ends are parked, also if
   * they were skipped or discarded before, and wait for {@link #retryParked} or {@link
   * #discardParked}; others are skipped. Where a record was lost in Kafka, or the store's history
   * is not the one that was published, that is refused, and {@link #newSeries} is the way to go on.
   * Lanes whose notes are whole, and whose topics are what they say, are left as they are. With
   * several lanes each is recovered by itself; one that is refused leaves those before it
   * recovered.
   *
   * <p>Stop the relay in all processes before. It must be declared as it was, with the mapper that
   * the records were made by. The topics are read three times for each lane, and the store, too;
   * some megabytes are held. At least once it waits for the time of a lease, and what may not have
   * been sent before is sent again.
   *
   * <p>What can no longer be determined is treated as published: messages and operators' records
   * that were lost at the end of a partition, and what stood before the beginning that retention
   * has left. A compacted topic has gaps, and is refused.
   *
   * @param why for the audit
   * @param furtherTopics topics to which outbox messages or operators' records went and nothing
   *     else: their rows are gone, so nothing names these topics any more. Without them messages of
   *     the last moments may be published again
   * @param listener told how far it has come, twice for each lane: as it looks for what is missing,
   *     and as it verifies
   * @return what was found
   * @throws IllegalStateException if the notes cannot be made of what is there; nothing was changed
   *     in that lane
   * @throws RelayHaltedException if the relay is declared with something else than before
   * @throws InterruptedException if the thread was interrupted
   */
  public RecoveryReport recover(
      String why, Set<String> furtherTopics, Consumer<VerificationProgress> listener)
      throws InterruptedException {
    return new Recovery(operator, furtherTopics, listener).run(why);
  }

  /**
   * Lets the relay go on with what it is declared with now: another topic, mapper, query or
   * delivery; or with none of these, but topics as they are now, such as with more partitions: let
   * consumers come to the end first, because streams change theirs. It begins a new series where
   * each lane stands, so what was published before stays what it was, and what comes is of the new
   * declaration. Stop the relay in all processes before, and start it with the new declaration
   * afterwards: one that runs with the earlier declaration halts. What is parked stays parked, and
   * is published by the new declaration when it is retried.
   *
   * @param why for the audit
   * @throws RelayHaltedException if the number of lanes is another: that cannot be changed
   * @throws IllegalStateException if the relay has sent more than it has noted, or was rewound and
   *     has not come to where it was: start it as it was declared before, and stop it when it has
   *     caught up
   * @throws InterruptedException if the thread was interrupted
   */
  public void redeclare(String why) throws InterruptedException {
    new Redeclaration(operator).run(why);
  }

  /**
   * Lets the relay pass over what stands at a position: an event or message that cannot be
   * published. This is permanent, even if the relay is rewound.
   *
   * @param position of the event or message
   * @param why for the audit
   * @throws IllegalArgumentException if nothing can stand there yet: what will has not failed
   * @throws InterruptedException if the thread was interrupted
   */
  public void skip(Position position, String why) throws InterruptedException {
    Position last = operator.feed().lastDrawn();
    if (position.isAfter(last) || !position.isAfter(Position.START)) {
      throw new IllegalArgumentException(
          "nothing stands at position %s: the store has handed out the positions up to %s"
              .formatted(position, last));
    }
    operator.changeAll(
        "skip %s: %s".formatted(position, why),
        (access, notes) -> Map.of(LaneNotes.skip(position), why));
  }

  /**
   * The streams that wait. Does not take the lead.
   *
   * @return by position
   * @throws InterruptedException if the thread was interrupted
   */
  public List<ParkedStream> parked() throws InterruptedException {
    return operator.lookAtAll().stream()
        .<ParkedStream>flatMap(notes -> notes.parked().values().stream())
        .sorted(Comparator.comparing(ParkedStream::since))
        .toList();
  }

  /**
   * Publishes what waits of a parked stream, in its order, and lets the stream go on. Its records
   * stand behind all that was published before, so the relay's backlog is published first; the
   * header {@code es_event_position} tells where their events stand. Events that are {@linkplain
   * #skip skipped} are left out. At least once it waits for the time of a lease.
   *
   * @param stream a parked one
   * @return how many events were published
   * @throws NoSuchElementException if it is not parked
   * @throws IllegalStateException if one of its events still cannot be published; those before it
   *     are, and the stream stays parked from that one on. Or if the relay is paused
   * @throws InterruptedException if the thread was interrupted
   */
  public int retryParked(StreamId stream) throws InterruptedException {
    return ParkedRetry.run(operator, store, stream);
  }

  /**
   * Gives up what waits of a parked stream, and lets the stream go on behind where the relay
   * stands.
   *
   * @param stream a parked one
   * @param why for the audit
   * @throws NoSuchElementException if it is not parked
   * @throws InterruptedException if the thread was interrupted
   */
  public void discardParked(StreamId stream, String why) throws InterruptedException {
    operator.change(
        Partitions.of(stream, spec.lanes()),
        "discard what waits of %s: %s".formatted(stream, why),
        (access, notes) -> {
          ParkedNote parked = ParkedRetry.require(notes, stream);
          Position upTo = access.position(notes).position();
          List<PositionRange> ranges =
              new ArrayList<>(notes.discarded().getOrDefault(stream, List.of()));
          ranges.add(new PositionRange(parked.since(), upTo));
          Map<String, @Nullable String> changes = new HashMap<>();
          changes.put(LaneNotes.parked(stream), null);
          changes.put(LaneNotes.discarded(stream), PositionRange.format(ranges));
          return changes;
        });
  }

  /**
   * Publishes a record without a value under the stream's key, behind all that is settled now: from
   * a compacted topic it deletes the stream, and in others it tells consumers that the stream was
   * erased. Which key and topic that are {@linkplain
   * dev.pgeventstore.kafka.record.RecordMapper#tombstone the mapper says}.
   *
   * @param stream any
   * @throws IllegalStateException if the record cannot be sent, because it names no topic and the
   *     relay has none, for example; or if the relay is paused
   * @throws InterruptedException if the thread was interrupted
   */
  public void publishTombstone(StreamId stream) throws InterruptedException {
    operator.onLane(
        Partitions.of(stream, spec.lanes()),
        Start.CAREFUL,
        (access, lead) -> new LateRecords(operator, access).sendTombstone(stream));
  }

  /**
   * What operators did to a lane of this relay. Does not take the lead.
   *
   * @param lane 0 for a relay of one lane
   * @return by time, by the clocks of their processes, what and why
   * @throws IllegalArgumentException if there is no such lane
   * @throws InterruptedException if the thread was interrupted
   */
  public Map<Instant, String> audit(int lane) throws InterruptedException {
    requireLane(lane);
    return operator.look(lane).audit();
  }

  private void requireLane(int lane) {
    if (lane < 0 || lane >= spec.lanes()) {
      throw new IllegalArgumentException(
          "the relay has the lanes 0 to %d, not %d".formatted(spec.lanes() - 1, lane));
    }
  }

  /**
   * Compares what is in the topics with what the store says should be there: every record of every
   * event up to where the relay stands, byte by byte, as a reader of committed records finds them.
   * Does not take the lead, changes nothing, and holds some megabytes, however much there is. The
   * relay may run meanwhile. Both are read from end to end, once for each lane.
   *
   * <p>Of messages, whose rows are gone, and of events that were erased, truncated or purged since
   * they were published only the place in the order is checked. Where retention has removed the
   * beginning of a partition the rest is compared. What was published before the current series is
   * not looked at. The mapper must be the one that the records were made by.
   *
   * @param listener told how far it has come, after every thousand events or so; in this thread
   * @return what was found
   * @throws IllegalStateException if the store ends before the relay: it has lost commits, or is
   *     another one
   * @throws InterruptedException if the thread was interrupted
   */
  public VerificationReport verify(Consumer<VerificationProgress> listener)
      throws InterruptedException {
    return operator.verify(operator.settings(), listener);
  }

  /**
   * Compares a copy of the topics in another cluster with the store, as {@link #verify} does: by
   * what this relay has noted where it runs, so that a copy that ends too early is not exact,
   * wherever the notes were copied to. Changes nothing.
   *
   * @param kafkaOfCopy the settings of the other cluster, as for {@link KafkaRelay#builder}
   * @param listener told how far it has come
   * @return what was found
   * @throws IllegalStateException as {@link #verify}
   * @throws InterruptedException if the thread was interrupted
   */
  public VerificationReport verifyCopy(
      Map<String, ?> kafkaOfCopy, Consumer<VerificationProgress> listener)
      throws InterruptedException {
    return operator.verify(copied(kafkaOfCopy), listener);
  }

  private KafkaSettings copied(Map<String, ?> kafkaOfCopy) {
    KafkaSettings here = operator.settings();
    return new KafkaSettings(kafkaOfCopy, here.clients(), here.scheduler());
  }

  /**
   * Moves a paused relay to another cluster that has exact copies of its topics, under the same
   * names; its position topic is not to be copied. What is noted here is noted there, so that the
   * relay goes on in the middle of its order, when it is started with the other cluster's settings.
   * With those of this one it stays paused; at least once, where the notes are the store's, it
   * halts, since its topics are not those of the notes any more. Stop it all the same: to a topic
   * that is not in the notes it may send until it looks at all, after 2 s, and one that had sent
   * nothing is not stopped. If it fails on the way, call it again.
   *
   * @param kafkaOfCopy the settings of the other cluster, as for {@link KafkaRelay#builder}
   * @param why for the audit
   * @param listener told how far it has come with comparing the copies
   * @return what was found, which is exact
   * @throws IllegalStateException if the relay is not paused, the copies are not exact, or a relay
   *     of this name has run there; nothing was changed
   * @throws InterruptedException if the thread was interrupted
   */
  public VerificationReport moveTo(
      Map<String, ?> kafkaOfCopy, String why, Consumer<VerificationProgress> listener)
      throws InterruptedException {
    return new ClusterMove(operator, copied(kafkaOfCopy)).run(why, listener);
  }
}
