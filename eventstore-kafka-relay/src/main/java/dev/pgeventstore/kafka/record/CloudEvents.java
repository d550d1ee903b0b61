package dev.pgeventstore.kafka.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.RecordedEvent;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/**
 * CloudEvents in binary mode, the relay's default mapper: one record for each event, whose key is
 * the stream's id and whose value is the stored JSON, byte by byte. Immutable; safe for many
 * threads.
 *
 * <p>The headers are {@code ce_specversion, ce_id} (the event's), {@code ce_source, ce_type,
 * ce_subject} (the stream's id), {@code ce_time} (when it was recorded), {@code content-type}, and
 * {@code traceparent} and {@code tracestate} if the event's metadata has them.
 *
 * <p>A mapper of your own changes what it makes:
 *
 * <pre>{@code
 * CloudEvents cloudEvents = CloudEvents.from("/shop");
 * RecordMapper mapper =
 *     event ->
 *         switch (event.type()) {
 *           case "PriceCalculated" -> List.of(); // nobody else's business
 *           case "OrderPlaced" ->
 *               List.of(
 *                   cloudEvents.record(event).topic("orders").value(publicJson(event)),
 *                   cloudEvents.record(event, 1).topic("audit"));
 *           default -> cloudEvents.map(event);
 *         };
 * }</pre>
 */
public final class CloudEvents implements RecordMapper {

  private static final int MOST_TYPES_REMEMBERED = 1_000;

  private static final Header SPEC_VERSION = header("ce_specversion", "1.0");
  private static final Header JSON = header("content-type", "application/json");

  private final Header source;
  private final boolean tombstones;
  private final Map<String, Header> types;

  private CloudEvents(Header source, boolean tombstones, Map<String, Header> types) {
    this.source = source;
    this.tombstones = tombstones;
    this.types = types;
  }

  /**
   * CloudEvents of a source.
   *
   * @param uri a URI reference, sent as {@code ce_source}
   * @return the mapper
   * @throws IllegalArgumentException if it is blank, or no URI reference
   */
  public static CloudEvents from(String uri) {
    if (uri.isBlank()) {
      throw new IllegalArgumentException("the source of CloudEvents is blank");
    }
    try {
      URI unused = new URI(uri);
    } catch (URISyntaxException e) {
      throw new IllegalArgumentException(
          "the source of CloudEvents is a URI reference, such as /shop or https://example.com/shop, not '%s': %s"
              .formatted(uri, e.getReason()),
          e);
    }
    return new CloudEvents(header("ce_source", uri), false, new ConcurrentHashMap<>());
  }

  /**
   * The same, but an erased event has no value: on a compacted topic its record, if it is the last
   * of its stream, deletes the key, and a table made of the topic drops the row. Otherwise the
   * value is the empty object that is left in the store.
   *
   * <p>It is for topics that tell the latest of each stream. It changes nothing in the topic: what
   * was published before an event was erased stays there until it is compacted or too old.
   *
   * @return a copy
   */
  public CloudEvents tombstones() {
    return new CloudEvents(source, true, types);
  }

  /**
   * The record of an event, for the relay's topic.
   *
   * @param event any
   * @return the record, to be changed if need be; with a value that is not JSON, give it another
   *     {@code content-type} as well
   */
  public RelayRecord record(RecordedEvent event) {
    return record(event, 0);
  }

  /**
   * One of several records of an event. No two of them may have the same {@code ce_id}, or a
   * consumer that looks for it takes one for a repetition of the other.
   *
   * @param event any
   * @param index 0 for the first, whose {@code ce_id} is the event's id; others add {@code -} and
   *     the index
   * @return the record, to be changed if need be
   * @throws IllegalArgumentException if the index is negative
   */
  public RelayRecord record(RecordedEvent event, int index) {
    if (index < 0) {
      throw new IllegalArgumentException("records count from 0, not from " + index);
    }
    byte[] stream = event.stream().toString().getBytes(UTF_8);
    boolean withoutValue = tombstones && event.isErased();
    return RelayRecord.of(stream, withoutValue ? null : event.encoded().dataUtf8())
        .headers(headers(event, id(event, index), stream, withoutValue));
  }

  private static String id(RecordedEvent event, int index) {
    return index == 0 ? event.id().toString() : event.id().toString() + '-' + index;
  }

  private List<Header> headers(
      RecordedEvent event, String id, byte[] stream, boolean withoutValue) {
    List<Header> trace = TraceContext.headers(event);
    List<Header> headers = new ArrayList<>(7 + trace.size());
    headers.add(SPEC_VERSION);
    headers.add(header("ce_id", id));
    headers.add(source);
    headers.add(type(event.type()));
    headers.add(new RecordHeader("ce_subject", stream));
    headers.add(new RecordHeader("ce_time", IsoInstant.bytes(event.recordedAt())));
    if (!withoutValue) {
      headers.add(JSON);
    }
    headers.addAll(trace);
    return Collections.unmodifiableList(headers);
  }

  private Header type(String type) {
    Header known = types.get(type);
    if (known != null) {
      return known;
    }
    // There are few, unless somebody makes them up; then remembering them is of no use.
    if (types.size() >= MOST_TYPES_REMEMBERED) {
      types.clear();
    }
    Header header = header("ce_type", type);
    types.put(type, header);
    return header;
  }

  private static Header header(String name, String text) {
    return new RecordHeader(name, text.getBytes(UTF_8));
  }

  @Override
  public List<RelayRecord> map(RecordedEvent event) {
    return List.of(record(event));
  }
}
