package dev.pgeventstore.codec;

import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.UndecodableEventException;
import dev.pgeventstore.UnknownEventTypeException;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Events as JSON, written and read by Jackson.
 *
 * <p>Records need no annotation. A property that the class does not have is ignored on reading; one
 * that the JSON does not have is null, zero or false. Types of {@code java.time} are written as
 * ISO-8601 text. What PostgreSQL cannot store is refused when it is encoded: NaN and infinite
 * numbers, the character {@code \u0000}, halves of surrogate pairs, numbers beyond the range of
 * {@code numeric}.
 */
public final class JacksonCodec implements EventCodec {

  private final Map<Class<?>, Mapping> byClass = new HashMap<>();
  private final Map<String, Mapping> byName = new HashMap<>();
  private final StorableJson storable = new StorableJson();

  /** For upcasting and metadata, whatever the events' own mapper does: no digit may get lost. */
  private final ObjectReader trees =
      JsonMapper.builder()
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .build()
          .readerFor(JsonNode.class);

  private final MetadataJson metadataJson = new MetadataJson(storable, trees);

  private JacksonCodec(EventTypes types, ObjectMapper mapper) {
    for (RegisteredType type : types.all()) {
      Mapping mapping =
          new Mapping(
              type,
              mapper
                  .writerFor(type.payloadClass())
                  // As text it would pass for a value with everybody who is not Jackson.
                  .without(JsonWriteFeature.WRITE_NAN_AS_STRINGS),
              mapper.readerFor(type.payloadClass()));
      byClass.put(type.payloadClass(), mapping);
      byName.put(type.name(), mapping);
    }
  }

  /**
   * A codec with the mapper of {@link #newMapper()}.
   *
   * @param types what may be written and read
   * @return the codec
   */
  public static JacksonCodec of(EventTypes types) {
    return of(types, newMapper());
  }

  /**
   * A codec with a mapper of the caller's, which decides alone how events look as JSON and what is
   * read back. Start from {@link #newMapper()} to change a detail.
   *
   * @param types what may be written and read
   * @param mapper for JSON; changing it later has no effect
   * @return the codec
   */
  public static JacksonCodec of(EventTypes types, ObjectMapper mapper) {
    return new JacksonCodec(types, mapper);
  }

  /**
   * The mapper of {@link #of(EventTypes)}.
   *
   * @return a new one, to be changed at will
   */
  public static ObjectMapper newMapper() {
    return JsonMapper.builder()
        .addModule(new JavaTimeModule())
        .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
        .disable(SerializationFeature.WRITE_DURATIONS_AS_TIMESTAMPS)
        .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
        .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
        // Four bytes for an emoji instead of twelve.
        .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
        // An offset or a zone is a part of what was recorded.
        .disable(DeserializationFeature.ADJUST_DATES_TO_CONTEXT_TIME_ZONE)
        .build();
  }

  @Override
  public EncodedEvent encode(Object payload) {
    if (payload instanceof EncodedEvent encoded) {
      String flaw = storable.flawOf(encoded.dataUtf8());
      if (flaw != null) {
        throw new IllegalArgumentException(
            "event of type '%s' cannot be stored: %s".formatted(encoded.type(), flaw));
      }
      return encoded;
    }
    Mapping mapping = registered(payload.getClass());
    RegisteredType type = mapping.type;
    byte[] json;
    try {
      json = mapping.writer.writeValueAsBytes(payload);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "event of type '%s' (%s) cannot be written as JSON: %s"
              .formatted(type.name(), type.payloadClass().getName(), e.getMessage()),
          e);
    }
    String flaw = storable.flawOf(json);
    if (flaw != null) {
      throw new IllegalArgumentException(
          "event of type '%s' (%s) cannot be stored: %s"
              .formatted(type.name(), type.payloadClass().getName(), flaw));
    }
    return EncodedEvent.stored(type.name(), type.revision(), json);
  }

  @Override
  public Object decode(EncodedEvent event) {
    Mapping mapping = byName.get(event.type());
    if (mapping == null) {
      throw new UnknownEventTypeException(
          event.type(),
          ("event type '%s' is not registered: add its class to EventTypes with this name, ask only"
                  + " for types you know (EventQuery.types), or read RecordedEvent.encoded(), which"
                  + " needs no class")
              .formatted(event.type()));
    }
    RegisteredType type = mapping.type;
    if (event.revision() > type.revision()) {
      throw new UndecodableEventException(
          ("event of type '%s' has revision %d, but %s is registered with revision %d: a newer"
                  + " version of the application wrote it, and that is what it takes to read it")
              .formatted(
                  event.type(), event.revision(), type.payloadClass().getName(), type.revision()));
    }
    Object payload;
    try {
      payload =
          event.revision() == type.revision()
              ? mapping.reader.readValue(event.dataUtf8())
              : mapping.reader.readValue(upcast(type, event));
    } catch (IOException e) {
      throw new UndecodableEventException(
          "JSON of an event of type '%s', revision %d, does not fit %s: %s"
              .formatted(
                  event.type(), event.revision(), type.payloadClass().getName(), e.getMessage()),
          e);
    }
    if (payload == null) {
      throw new UndecodableEventException(
          "JSON of an event of type '%s' is null, which is no %s"
              .formatted(event.type(), type.payloadClass().getName()));
    }
    return payload;
  }

  private JsonNode upcast(RegisteredType type, EncodedEvent event) throws IOException {
    JsonNode json = trees.readTree(event.dataUtf8());
    for (int revision = event.revision(); revision < type.revision(); revision++) {
      if (!(json instanceof ObjectNode object)) {
        throw new UndecodableEventException(
            "event of type '%s' cannot be upcast from revision %d: its JSON is no object"
                .formatted(type.name(), revision));
      }
      json = step(type, revision, object);
    }
    return json;
  }

  private static JsonNode step(RegisteredType type, int revision, ObjectNode json) {
    @Nullable JsonNode next;
    try {
      next = type.steps().get(revision - 1).upcast(json);
    } catch (RuntimeException e) {
      throw new UndecodableEventException(
          "the upcaster of event type '%s' from revision %d failed: %s"
              .formatted(type.name(), revision, e),
          e);
    }
    if (next == null) {
      throw new UndecodableEventException(
          "the upcaster of event type '%s' from revision %d returned null"
              .formatted(type.name(), revision));
    }
    return next;
  }

  @Override
  public String typeName(Class<?> payloadClass) {
    return registered(payloadClass).type.name();
  }

  @Override
  public byte[] encodeMetadata(Metadata metadata) {
    return metadataJson.encode(metadata);
  }

  @Override
  public Metadata decodeMetadata(byte[] json) {
    return metadataJson.decode(json);
  }

  private Mapping registered(Class<?> payloadClass) {
    Mapping mapping = byClass.get(payloadClass);
    if (mapping == null) {
      throw new IllegalArgumentException(
          "%s is not registered as an event type: add it to EventTypes under a stable name"
              .formatted(payloadClass.getName()));
    }
    return mapping;
  }

  private record Mapping(RegisteredType type, ObjectWriter writer, ObjectReader reader) {}
}
