package dev.pgeventstore.kafka.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;

/**
 * A record to be sent. Immutable, but its arrays are not copied: do not change them.
 *
 * <p>The relay adds its own headers, whose names begin with {@code es_}, and chooses the partition
 * by the key, as Kafka's default partitioner does. A record without a key goes where a record with
 * the stream's id as its key would go.
 */
public final class RelayRecord {

  private static final Instant LAST_TIME = Instant.ofEpochMilli(Long.MAX_VALUE);

  private final @Nullable String topic;
  private final byte @Nullable [] key;
  private final byte @Nullable [] value;
  private final List<Header> headers;
  private final @Nullable Instant timestamp;

  private RelayRecord(
      @Nullable String topic,
      byte @Nullable [] key,
      byte @Nullable [] value,
      List<Header> headers,
      @Nullable Instant timestamp) {
    this.topic = topic;
    this.key = key;
    this.value = value;
    this.headers = headers;
    this.timestamp = timestamp;
  }

  /**
   * A record for the relay's topic, without headers.
   *
   * @param key sent as it is; null for none
   * @param value sent as it is; null for none, which deletes the key from a compacted topic
   * @return the record
   */
  public static RelayRecord of(byte @Nullable [] key, byte @Nullable [] value) {
    return new RelayRecord(null, key, value, List.of(), null);
  }

  /**
   * The same for another topic.
   *
   * @param other its name; it must exist
   * @return a copy
   */
  public RelayRecord topic(String other) {
    return new RelayRecord(other, key, value, headers, timestamp);
  }

  /**
   * The same with another key.
   *
   * @param other sent as it is; null for none
   * @return a copy
   */
  public RelayRecord key(byte @Nullable [] other) {
    return new RelayRecord(topic, other, value, headers, timestamp);
  }

  /**
   * The same with another key.
   *
   * @param other sent in UTF-8
   * @return a copy
   */
  public RelayRecord key(String other) {
    return key(other.getBytes(UTF_8));
  }

  /**
   * The same with another value.
   *
   * @param other sent as it is; null for none
   * @return a copy
   */
  public RelayRecord value(byte @Nullable [] other) {
    return new RelayRecord(topic, key, other, headers, timestamp);
  }

  /**
   * The same with another value.
   *
   * @param other sent in UTF-8
   * @return a copy
   */
  public RelayRecord value(String other) {
    return value(other.getBytes(UTF_8));
  }

  /**
   * The same with a header; those of the same name are replaced.
   *
   * @param name not beginning with {@code es_}: those are the relay's
   * @param text sent in UTF-8
   * @return a copy
   */
  public RelayRecord header(String name, String text) {
    return header(name, text.getBytes(UTF_8));
  }

  /**
   * The same with a header; those of the same name are replaced.
   *
   * @param name not beginning with {@code es_}: those are the relay's
   * @param bytes sent as they are
   * @return a copy
   * @throws IllegalArgumentException if the name is the relay's
   */
  public RelayRecord header(String name, byte[] bytes) {
    if (name.startsWith("es_")) {
      throw new IllegalArgumentException(
          "headers that begin with es_ are the relay's, and so is " + name);
    }
    List<Header> more = new ArrayList<>(headers);
    more.removeIf(header -> header.key().equals(name));
    more.add(new RecordHeader(name, bytes));
    return new RelayRecord(topic, key, value, List.copyOf(more), timestamp);
  }

  /**
   * The same with these headers instead of those it has.
   *
   * @param all in their order; none begins with {@code es_}
   * @return a copy
   */
  RelayRecord headers(List<Header> all) {
    return new RelayRecord(topic, key, value, all, timestamp);
  }

  /**
   * The same with a time, to the millisecond. Without one a record has the time at which it is
   * sent. A topic whose {@code message.timestamp.type} is {@code LogAppendTime} gives it another,
   * and one may refuse times that are too old or too new ({@code message.timestamp.before.max.ms},
   * {@code message.timestamp.after.max.ms}). Retention goes by it: records of old events may be
   * deleted at once.
   *
   * @param time such as {@link dev.pgeventstore.RecordedEvent#recordedAt()}; not before 1970
   * @return a copy
   * @throws IllegalArgumentException if it is before 1970, or beyond what milliseconds can say
   */
  public RelayRecord timestamp(Instant time) {
    if (time.isBefore(Instant.EPOCH)) {
      throw new IllegalArgumentException("a record's time is not before 1970, as " + time + " is");
    }
    if (time.isAfter(LAST_TIME)) {
      throw new IllegalArgumentException("a record's time is not after " + LAST_TIME);
    }
    return new RelayRecord(topic, key, value, headers, time);
  }

  /**
   * Its time.
   *
   * @return empty for the time at which it is sent
   */
  public Optional<Instant> timestamp() {
    return Optional.ofNullable(timestamp);
  }

  /**
   * Where it goes.
   *
   * @return empty for the relay's topic
   */
  public Optional<String> topic() {
    return Optional.ofNullable(topic);
  }

  /**
   * The key.
   *
   * @return the array itself; null for none
   */
  public byte @Nullable [] key() {
    return key;
  }

  /**
   * The value.
   *
   * @return the array itself; null for none
   */
  public byte @Nullable [] value() {
    return value;
  }

  /**
   * The headers.
   *
   * @return in their order; unmodifiable
   */
  public List<Header> headers() {
    return headers;
  }
}
