package dev.pgeventstore.kafka.consumer;

import dev.pgeventstore.EventCodec;
import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.OwnHeaders;
import java.util.Objects;
import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Reads the headers that a relay gives its records. Immutable and safe for many threads.
 *
 * <p>A record that has none of them is foreign: another producer has written it to the same topic.
 * That fails unless {@link #skippingForeign()} was asked for. One that has some of them, or garbled
 * ones, always fails.
 */
public final class RecordDecoder {

  private final EventCodec codec;
  private final boolean skipsForeign;

  private RecordDecoder(EventCodec codec, boolean skipsForeign) {
    this.codec = codec;
    this.skipsForeign = skipsForeign;
  }

  /**
   * A decoder that fails at foreign records.
   *
   * @param codec upcasts and decodes events, when their payload is asked for
   * @return the decoder
   */
  public static RecordDecoder of(EventCodec codec) {
    return new RecordDecoder(Objects.requireNonNull(codec, "codec"), false);
  }

  /**
   * The same, passing over foreign records.
   *
   * @return a copy
   */
  public RecordDecoder skippingForeign() {
    return new RecordDecoder(codec, true);
  }

  /**
   * Reads a record's headers. Its key and value are not looked at.
   *
   * @param record as a consumer gives it
   * @return what the relay says about it; empty for a foreign record that is to be skipped
   * @throws NotRelayedException if it is foreign and not to be skipped, or a header is missing or
   *     garbled
   */
  public Optional<RelayedRecord> decode(ConsumerRecord<byte[], byte[]> record) {
    RelayHeaders headers = new RelayHeaders(record);
    if (headers.areForeign()) {
      if (skipsForeign) {
        return Optional.empty();
      }
      throw headers.flaw(
          "has no header %s: no relay has sent it. A topic that others write to as well is read with skippingForeign()"
              .formatted(OwnHeaders.RELAY),
          null);
    }
    return Optional.of(decode(record, headers));
  }

  private RelayedRecord decode(ConsumerRecord<byte[], byte[]> record, RelayHeaders headers) {
    SequenceId sequence =
        new SequenceId(
            headers.require(OwnHeaders.RELAY),
            headers.require(OwnHeaders.LANE, Numbers::parseInt),
            record.topic(),
            record.partition());
    Place place =
        new Place(
            headers.require(OwnHeaders.POSITION, text -> Position.of(Numbers.parseLong(text))),
            headers.require(OwnHeaders.INDEX, Numbers::parseInt));
    Place previous = headers.require(OwnHeaders.PREVIOUS, Place::parse);
    if (!place.isAfter(previous)) {
      throw headers.flaw(
          "stands at %s, which is not after %s, its %s"
              .formatted(place, previous, OwnHeaders.PREVIOUS),
          null);
    }
    long version =
        headers
            .text(OwnHeaders.VERSION)
            .map(text -> headers.parse(OwnHeaders.VERSION, text, Numbers::parseLong))
            .orElse(0L);
    return new RelayedRecord(record, sequence, place, previous, version, codec);
  }
}
