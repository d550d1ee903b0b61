package dev.pgeventstore.kafka.internal.writer;

import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.record.Parcel;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Brings parcels to Kafka, and the notes of a lane to where they are kept: what a delivery promises
 * is made here. When anything fails it is of no more use: how far the lane has come is told by its
 * notes alone. For one thread, but for {@link #abandon}.
 */
public interface LaneWriter extends AutoCloseable {

  /** Fences every other writer of this lane, if that is possible. */
  void takeOver();

  /** Reads the lane's notes. To be called after the others are fenced. */
  LaneNotes read() throws InterruptedException;

  /** Sends records. They count when they are committed. */
  void send(Parcel parcel);

  /** Whether what was sent since the last commit should be committed before more is sent. */
  boolean isFull();

  /**
   * Commits what was sent, and notes something: all or nothing. It may return before that is done.
   *
   * @param notes names and texts; null removes a note
   * @param done is run by this writer's thread when it is done, in a call of this writer
   */
  void commit(Map<String, @Nullable String> notes, Runnable done);

  /** Runs something when all that was committed before is done: perhaps now. */
  void whenSettled(Runnable done);

  /**
   * Sees to what is under way.
   *
   * @return whether something still is
   */
  boolean settle();

  /** Waits until nothing is under way. */
  void finish();

  /** Gives up, from any thread: what is waited for fails. */
  void abandon();

  @Override
  void close();
}
