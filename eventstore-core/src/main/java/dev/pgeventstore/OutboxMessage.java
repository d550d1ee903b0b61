package dev.pgeventstore;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Something to publish that is not an event: what is sent to other services, as opposed to what
 * this service stores. It is written in the transaction of the events it belongs to, is published
 * by a relay in the same global order as they are, and is deleted when that is done. Immutable.
 *
 * <pre>{@code
 * store.append(
 *     Append.to(order, exactly(3), List.of(new Shipped(now)))
 *         .message(OutboxMessage.to("public", "shipments").key("42").json("{\"order\": 42}")));
 * }</pre>
 *
 * <p>The record has the message's id in the header {@code es_message_id}. The caller may set a
 * type, by which consumers route it: {@code header("ce_type", "shipment-announced")}. That alone
 * makes no CloudEvent: one has {@code ce_specversion}, {@code ce_source} and {@code ce_type}, and
 * the relay adds {@code ce_id} then. It is not checked that they are complete.
 */
public final class OutboxMessage {

  private final UUID id;
  private final String relay;
  private final String topic;
  private final byte @Nullable [] key;
  private final byte @Nullable [] value;
  private final Map<String, byte[]> headers;

  private OutboxMessage(
      UUID id,
      String relay,
      String topic,
      byte @Nullable [] key,
      byte @Nullable [] value,
      Map<String, byte[]> headers) {
    this.id = Objects.requireNonNull(id, "the id of a message is null");
    this.relay = relay;
    this.topic = topic;
    this.key = key;
    this.value = value;
    this.headers = headers;
  }

  /**
   * A message without key, headers and value.
   *
   * @param relay the name of the relay that is to publish it
   * @param topic where to
   * @return the message, with an id of its own
   * @throws IllegalArgumentException if either is not 1 to 249 of the characters {@code
   *     [a-zA-Z0-9._-]}
   */
  public static OutboxMessage to(String relay, String topic) {
    return new OutboxMessage(
        UuidV7.next(), named("a relay", relay), named("a topic", topic), null, null, Map.of());
  }

  private static String named(String what, String name) {
    if (!name.matches("[a-zA-Z0-9._-]{1,249}")) {
      throw new IllegalArgumentException(
          "%s is named by 1 to 249 of the characters [a-zA-Z0-9._-], not '%s'"
              .formatted(what, name));
    }
    return name;
  }

  /**
   * The same with a key. Messages with one key are published in their order; so are those without
   * any.
   *
   * @param text sent in UTF-8
   * @return a copy
   */
  public OutboxMessage key(String text) {
    return key(text.getBytes(UTF_8));
  }

  /**
   * The same with a key.
   *
   * @param bytes sent as they are
   * @return a copy
   */
  public OutboxMessage key(byte[] bytes) {
    return new OutboxMessage(id, relay, topic, bytes.clone(), value, headers);
  }

  /**
   * The same with a value.
   *
   * @param bytes sent as they are
   * @return a copy
   */
  public OutboxMessage value(byte[] bytes) {
    return new OutboxMessage(id, relay, topic, key, bytes.clone(), headers);
  }

  /**
   * The same with JSON for a value, and a {@code content-type} that says so. It is not checked that
   * it is JSON.
   *
   * @param text sent in UTF-8
   * @return a copy
   */
  public OutboxMessage json(String text) {
    return value(text.getBytes(UTF_8)).header("content-type", "application/json");
  }

  /**
   * The same with one more header; one of the same name is replaced.
   *
   * @param name not beginning with {@code es_}: those are the relay's
   * @param text sent in UTF-8
   * @return a copy
   * @throws IllegalArgumentException if the name is blank or the relay's
   */
  public OutboxMessage header(String name, String text) {
    return header(name, text.getBytes(UTF_8));
  }

  /**
   * The same with one more header; one of the same name is replaced.
   *
   * @param name not beginning with {@code es_}: those are the relay's
   * @param bytes sent as they are
   * @return a copy
   * @throws IllegalArgumentException if the name is blank, has a character that cannot be stored,
   *     or is the relay's
   */
  public OutboxMessage header(String name, byte[] bytes) {
    if (name.isBlank() || name.startsWith("es_")) {
      throw new IllegalArgumentException(
          "a header is named by something that does not begin with es_, not '%s'".formatted(name));
    }
    Text.requireStorable("the name of a header", name);
    Map<String, byte[]> more = new LinkedHashMap<>(headers);
    more.put(name, bytes.clone());
    return new OutboxMessage(id, relay, topic, key, value, Collections.unmodifiableMap(more));
  }

  /**
   * The same with another id, which consumers find in the header {@code es_message_id}; and in
   * {@code ce_id}, if the message is a CloudEvent, with a header {@code ce_specversion}.
   *
   * @param given unique
   * @return a copy
   */
  public OutboxMessage id(UUID given) {
    return new OutboxMessage(given, relay, topic, key, value, headers);
  }

  /**
   * The id, unique among all messages.
   *
   * @return the id
   */
  public UUID id() {
    return id;
  }

  /**
   * Who publishes it.
   *
   * @return the relay's name
   */
  public String relay() {
    return relay;
  }

  /**
   * Where it is published.
   *
   * @return the topic's name
   */
  public String topic() {
    return topic;
  }

  /**
   * The key.
   *
   * @return a copy; empty if there is none
   */
  public Optional<byte[]> key() {
    return Optional.ofNullable(key).map(byte[]::clone);
  }

  /**
   * The value.
   *
   * @return a copy; empty for none, which deletes the key from a compacted topic
   */
  public Optional<byte[]> value() {
    return Optional.ofNullable(value).map(byte[]::clone);
  }

  /**
   * The headers.
   *
   * @return in the order in which they were added; the map cannot be changed, and its arrays, which
   *     are the message's own, must not be
   */
  public Map<String, byte[]> headers() {
    return headers;
  }

  /**
   * How large it is. Stores refuse one that is larger than an event may be.
   *
   * @return the bytes of key, value, and the names and values of headers
   */
  public long bytes() {
    long bytes = (key == null ? 0 : key.length) + (value == null ? 0L : value.length);
    for (Map.Entry<String, byte[]> header : headers.entrySet()) {
      bytes += Text.utf8Length(header.getKey()) + header.getValue().length;
    }
    return bytes;
  }

  @Override
  public String toString() {
    return "message %s for relay %s to topic %s".formatted(id, relay, topic);
  }
}
