package dev.pgeventstore.kafka.internal.record;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.position.LanePosition.Anchor;
import dev.pgeventstore.kafka.internal.position.Token;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What is sent together: records, and what is to be noted when they are. A transaction takes one or
 * several, never a part of one.
 *
 * @param records in their order
 * @param notes that change with them, without the position
 * @param poisoned what could not be published, and what becomes of it
 * @param upTo where the lane stands then
 * @param anchor the last event among what it was made from
 * @param events it was made from, those aside that were not wanted
 * @param messages it was made from
 * @param bytes of the records, at most
 * @param mark the high-water mark when it was made
 * @param company whether it may be sent with others
 * @param sources how many events and messages its records were made from
 * @param refusal why the lane is to halt behind it
 * @param token that the database has drawn after everything in it was read; none if nothing of it
 *     is sent, or without a lease
 * @param covered whether the lane may note that it has come so far: by a token, or without a lease
 */
public record Parcel(
    List<Outgoing> records,
    Map<String, @Nullable String> notes,
    List<Poisoned> poisoned,
    Position upTo,
    Optional<Anchor> anchor,
    int events,
    int messages,
    long bytes,
    Position mark,
    Company company,
    int sources,
    @Nullable RelayHaltedException refusal,
    Optional<Token> token,
    boolean covered) {

  public boolean isEmpty() {
    return records.isEmpty() && notes.isEmpty();
  }

  /** Whether it is to be confirmed before anything behind it is sent. */
  public boolean isConfirmedFirst() {
    return company != Company.ANY;
  }

  /** What all its records were made from, if that is one, and it is sent alone. */
  @Nullable Position onlySource() {
    return company == Company.NONE && sources == 1 ? records.get(0).position() : null;
  }

  /** What else may be under way with a parcel. */
  public enum Company {
    /** What comes before and behind it. */
    ANY,
    /** What comes before it. */
    NONE_BEHIND,
    /** Nothing. */
    NONE
  }
}
