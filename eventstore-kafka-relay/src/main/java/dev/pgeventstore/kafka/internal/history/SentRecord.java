package dev.pgeventstore.kafka.internal.history;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.OwnHeaders;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * A record that a relay has sent, with what it says about itself.
 *
 * @param raw as it was read
 * @param place in the order of its lane
 * @param previous what was sent to the same partition before
 * @param eventPosition where its event stands, if the record was sent later than its place
 */
public record SentRecord(
    ConsumerRecord<byte[], byte[]> raw,
    RecordPlace place,
    RecordPlace previous,
    Optional<Position> eventPosition) {

  /** Whether it was sent in that order, by any lane. */
  public static boolean isOf(ConsumerRecord<byte[], byte[]> raw, String series) {
    return series.equals(text(raw, OwnHeaders.RELAY));
  }

  /**
   * In which of a relay's orders it was sent, by any lane.
   *
   * @return 1 for the first; 0 if another relay has sent it
   */
  public static int series(ConsumerRecord<byte[], byte[]> raw, String relay) {
    String text = text(raw, OwnHeaders.RELAY);
    if (text == null || !text.startsWith(relay)) {
      return 0;
    }
    String number = text.substring(relay.length());
    if (number.isEmpty()) {
      return 1;
    }
    return number.matches("~[1-9][0-9]{0,8}") ? Integer.parseInt(number.substring(1)) : 0;
  }

  /** Whether it was sent by that lane. */
  public static boolean isOf(ConsumerRecord<byte[], byte[]> raw, int lane) {
    return Integer.toString(lane).equals(text(raw, OwnHeaders.LANE));
  }

  /**
   * Reads its headers.
   *
   * @throws IllegalArgumentException if one is missing or no number
   */
  public static SentRecord of(ConsumerRecord<byte[], byte[]> raw) {
    return new SentRecord(
        raw,
        new RecordPlace(
            Position.of(Long.parseLong(required(raw, OwnHeaders.POSITION))),
            Integer.parseInt(required(raw, OwnHeaders.INDEX))),
        RecordPlace.parse(required(raw, OwnHeaders.PREVIOUS)),
        Optional.ofNullable(text(raw, OwnHeaders.EVENT_POSITION))
            .map(text -> Position.of(Long.parseLong(text))));
  }

  /** What a message or an operator's record has not. */
  public boolean isOfAnEvent() {
    return text(OwnHeaders.VERSION) != null;
  }

  public @Nullable String text(String header) {
    return text(raw, header);
  }

  private static String required(ConsumerRecord<byte[], byte[]> raw, String header) {
    String text = text(raw, header);
    if (text == null) {
      throw new IllegalArgumentException("it has no " + header);
    }
    return text;
  }

  private static @Nullable String text(ConsumerRecord<byte[], byte[]> raw, String name) {
    Header header = raw.headers().lastHeader(name);
    return header == null || header.value() == null ? null : new String(header.value(), UTF_8);
  }

  public int bytes() {
    int bytes = Math.max(0, raw.serializedKeySize()) + Math.max(0, raw.serializedValueSize());
    for (Header header : raw.headers()) {
      bytes += header.key().length() + (header.value() == null ? 0 : header.value().length);
    }
    return bytes;
  }
}
