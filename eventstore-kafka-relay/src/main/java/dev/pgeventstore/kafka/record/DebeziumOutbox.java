package dev.pgeventstore.kafka.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;

/**
 * Records in the layout of Debezium's outbox event router, so that consumers need not notice which
 * of the two sends. Immutable; safe for many threads.
 *
 * <p>A stream's category is the aggregate type, its key the aggregate id: an event of stream {@code
 * order-42} goes to topic {@code outbox.event.order} with the key {@code 42}, the event's id in the
 * header {@code id}, and the stored JSON as its value. That is what the router sends with the
 * string converter for keys and the payload as plain JSON. What was configured otherwise there is
 * configured here, or changed in a mapper of your own:
 *
 * <pre>{@code
 * DebeziumOutbox outbox =
 *     DebeziumOutbox.create()
 *         .topics(category -> "shop." + category + ".events")
 *         .header("eventType", RecordedEvent::type);
 * RecordMapper mapper =
 *     event -> event.isErased() ? List.of() : List.of(outbox.record(event).key(quoted(event)));
 * }</pre>
 *
 * <p>All topics must exist.
 */
public final class DebeziumOutbox implements RecordMapper {

  private static final String ID = "id";

  private final Function<String, String> topics;
  private final Map<String, Function<RecordedEvent, @Nullable String>> headers;

  private DebeziumOutbox(
      Function<String, String> topics,
      Map<String, Function<RecordedEvent, @Nullable String>> headers) {
    this.topics = topics;
    this.headers = headers;
  }

  /**
   * The layout that the router has by default.
   *
   * @return the mapper
   */
  public static DebeziumOutbox create() {
    return new DebeziumOutbox(category -> "outbox.event." + category, Map.of());
  }

  /**
   * Routes events otherwise than to {@code outbox.event.} and the category.
   *
   * @param ofCategory the topic of a stream's category; it must always tell the same
   * @return a copy
   */
  public DebeziumOutbox topics(Function<String, String> ofCategory) {
    return new DebeziumOutbox(Objects.requireNonNull(ofCategory, "ofCategory"), headers);
  }

  /**
   * One more header, as the router adds for an additional field that is placed there, such as the
   * type in {@code eventType}.
   *
   * @param name neither {@code id} nor beginning with {@code es_}
   * @param text of an event; null leaves the header out
   * @return a copy
   * @throws IllegalArgumentException if the name is taken
   */
  public DebeziumOutbox header(String name, Function<RecordedEvent, @Nullable String> text) {
    if (name.isBlank() || name.equals(ID) || name.startsWith("es_")) {
      throw new IllegalArgumentException("a header cannot be called '" + name + "'");
    }
    Map<String, Function<RecordedEvent, @Nullable String>> more = new LinkedHashMap<>(headers);
    more.put(name, Objects.requireNonNull(text, "text"));
    return new DebeziumOutbox(topics, Collections.unmodifiableMap(more));
  }

  /**
   * The record of an event.
   *
   * @param event any
   * @return the record, to be changed if need be
   */
  public RelayRecord record(RecordedEvent event) {
    List<Header> all = new ArrayList<>(1 + headers.size());
    all.add(header(ID, event.id().toString()));
    headers.forEach(
        (name, text) -> {
          String given = text.apply(event);
          if (given != null) {
            all.add(header(name, given));
          }
        });
    return RelayRecord.of(event.stream().key().getBytes(UTF_8), event.encoded().dataUtf8())
        .topic(topics.apply(event.stream().category()))
        .headers(Collections.unmodifiableList(all));
  }

  private static Header header(String name, String text) {
    return new RecordHeader(name, text.getBytes(UTF_8));
  }

  @Override
  public RelayRecord tombstone(StreamId stream) {
    return RelayRecord.of(stream.key().getBytes(UTF_8), null)
        .topic(topics.apply(stream.category()));
  }

  @Override
  public List<RelayRecord> map(RecordedEvent event) {
    return List.of(record(event));
  }
}
