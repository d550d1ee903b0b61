package dev.pgeventstore.kafka.consumer;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.kafka.internal.OwnHeaders;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/** The headers of one record, and what to say when one of them is missing or garbled. */
final class RelayHeaders {

  private static final List<String> PLACE =
      List.of(
          OwnHeaders.RELAY,
          OwnHeaders.LANE,
          OwnHeaders.POSITION,
          OwnHeaders.INDEX,
          OwnHeaders.PREVIOUS);

  private final ConsumerRecord<byte[], byte[]> record;

  RelayHeaders(ConsumerRecord<byte[], byte[]> record) {
    this.record = record;
  }

  /** Whether nothing at all says that a relay has sent it. */
  boolean areForeign() {
    return PLACE.stream().noneMatch(name -> text(name).isPresent());
  }

  /** The last header of that name, as Kafka's clients have it. */
  Optional<String> text(String name) {
    Header header = record.headers().lastHeader(name);
    return header == null || header.value() == null
        ? Optional.empty()
        : Optional.of(new String(header.value(), UTF_8));
  }

  String require(String name) {
    return text(name)
        .orElseThrow(() -> flaw("has no header %s: no relay has sent it so".formatted(name), null));
  }

  <T> T require(String name, Function<String, T> parse) {
    return parse(name, require(name), parse);
  }

  <T> T parse(String name, String text, Function<String, T> parse) {
    try {
      return parse.apply(text);
    } catch (RuntimeException e) {
      throw flaw("has a header %s that cannot be read: %s".formatted(name, e.getMessage()), e);
    }
  }

  NotRelayedException flaw(String what, @Nullable Throwable cause) {
    return new NotRelayedException(
        "the record %s-%d@%d %s"
            .formatted(record.topic(), record.partition(), record.offset(), what),
        cause);
  }
}
