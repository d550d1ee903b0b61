package dev.pgeventstore.codec;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.UndecodableEventException;
import dev.pgeventstore.UnknownEventTypeException;
import dev.pgeventstore.internal.Contents;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Events as JSON, whatever library writes and reads it: names and revisions, the steps between
 * revisions, and the check of what is to be stored. For authors of codecs; applications use an
 * existing one.
 *
 * @param <T> the library's tree of a JSON value
 */
public abstract class JsonCodec<T> implements EventCodec {

  private final Map<Class<?>, Mapping<T>> byClass = new HashMap<>();
  private final Map<String, Mapping<T>> byName = new HashMap<>();

  /**
   * A codec for these types.
   *
   * @param types what may be written and read
   * @param upcasts the steps from older revisions
   * @param bindings how the library writes and reads a class; throws {@link
   *     IllegalArgumentException} for one that it cannot write and read
   * @throws IllegalArgumentException if an upcaster is missing, belongs to no registered type, or
   *     starts at a revision that is not an older one
   */
  protected JsonCodec(
      EventTypes types, Upcasts<T> upcasts, Function<Class<?>, JsonBinding<T>> bindings) {
    upcasts.requireFit(types);
    for (RegisteredType type : types.all()) {
      Mapping<T> mapping =
          new Mapping<>(type, upcasts.stepsOf(type), bindings.apply(type.payloadClass()));
      byClass.put(type.payloadClass(), mapping);
      byName.put(type.name(), mapping);
    }
  }

  @Override
  public final EncodedEvent encode(NewEvent event, StreamId stream) {
    Object payload = event.payload();
    return payload instanceof EncodedEvent encoded ? checked(encoded) : written(payload);
  }

  private static EncodedEvent checked(EncodedEvent encoded) {
    String flaw = StorableJson.flawOf(Contents.json(encoded));
    if (flaw != null) {
      throw new IllegalArgumentException(
          "event of type '%s' cannot be stored: %s".formatted(encoded.type(), flaw));
    }
    return encoded;
  }

  private EncodedEvent written(Object payload) {
    Mapping<T> mapping = registered(payload.getClass());
    RegisteredType type = mapping.type;
    byte[] json;
    try {
      json = mapping.binding.write(payload);
    } catch (Exception e) {
      throw new IllegalArgumentException(
          "event of type '%s' (%s) cannot be written as JSON: %s"
              .formatted(type.name(), type.payloadClass().getName(), e.getMessage()),
          e);
    }
    String flaw = StorableJson.flawOf(json);
    if (flaw != null) {
      throw new IllegalArgumentException(
          "event of type '%s' (%s) cannot be stored: %s"
              .formatted(type.name(), type.payloadClass().getName(), flaw));
    }
    return Contents.of(type.name(), type.revision(), json);
  }

  @Override
  public final Object decode(RecordedEvent recorded) {
    EncodedEvent event = recorded.encoded();
    Mapping<T> mapping = byName.get(event.type());
    if (mapping == null) {
      throw new UnknownEventTypeException(
          event.type(),
          ("event type '%s' is not registered: add its class to EventTypes with this name, ask only"
                  + " for types you know (EventQuery.types), or read RecordedEvent.encoded(), which"
                  + " needs no class%s")
              .formatted(event.type(), place(recorded)));
    }
    RegisteredType type = mapping.type;
    if (event.revision() > type.revision()) {
      throw new UndecodableEventException(
          ("event of type '%s' has revision %d, but %s is registered with revision %d: a newer"
                  + " version of the application wrote it, and is needed to read it%s")
              .formatted(
                  event.type(),
                  event.revision(),
                  type.payloadClass().getName(),
                  type.revision(),
                  place(recorded)));
    }
    @Nullable Object payload;
    try {
      payload =
          event.revision() == type.revision()
              ? mapping.binding.read(Contents.json(event))
              : mapping.binding.read(mapping.upcast(event));
    } catch (UpcastingFailedException e) {
      throw new UndecodableEventException(e.getMessage() + place(recorded), e.getCause());
    } catch (StackOverflowError e) {
      throw new UndecodableEventException(
          "JSON of an event of type '%s' is nested too deep for the stack of this thread%s"
              .formatted(event.type(), place(recorded)),
          e);
    } catch (Exception e) {
      throw new UndecodableEventException(
          "JSON of an event of type '%s', revision %d, does not fit %s: %s%s"
              .formatted(
                  event.type(),
                  event.revision(),
                  type.payloadClass().getName(),
                  e.getMessage(),
                  place(recorded)),
          e);
    }
    if (payload == null) {
      throw new UndecodableEventException(
          "JSON of an event of type '%s' is null, which is no %s%s"
              .formatted(event.type(), type.payloadClass().getName(), place(recorded)));
    }
    return payload;
  }

  /** Where an event is, for the end of a message. */
  private static String place(RecordedEvent event) {
    return "; the event is version %d of stream %s, at position %s"
        .formatted(event.version(), event.stream(), event.position());
  }

  @Override
  public final String typeName(Class<?> payloadClass) {
    return registered(payloadClass).type.name();
  }

  @Override
  public final byte[] encodeMetadata(Metadata metadata) {
    return MetadataJson.encode(metadata);
  }

  @Override
  public final Metadata decodeMetadata(byte[] json) {
    return MetadataJson.decode(json);
  }

  private Mapping<T> registered(Class<?> payloadClass) {
    Mapping<T> mapping = byClass.get(payloadClass);
    if (mapping == null) {
      throw new IllegalArgumentException(
          "%s is not registered as an event type: add it to EventTypes under a stable name"
              .formatted(payloadClass.getName()));
    }
    return mapping;
  }

  private record Mapping<T>(
      RegisteredType type, List<UnaryOperator<T>> steps, JsonBinding<T> binding) {

    T upcast(EncodedEvent event) throws Exception {
      T json = binding.tree(Contents.json(event));
      for (int revision = event.revision(); revision < type.revision(); revision++) {
        json = step(revision, json);
      }
      return json;
    }

    private T step(int revision, T json) throws UpcastingFailedException {
      @Nullable T next;
      try {
        next = steps.get(revision - 1).apply(json);
      } catch (RuntimeException e) {
        throw new UpcastingFailedException(
            "the upcaster of event type '%s' from revision %d failed: %s"
                .formatted(type.name(), revision, e),
            e);
      }
      if (next == null) {
        throw new UpcastingFailedException(
            "the upcaster of event type '%s' from revision %d returned null"
                .formatted(type.name(), revision),
            null);
      }
      return next;
    }
  }

  /** An upcaster has failed; what it was given is known where this is caught. */
  private static final class UpcastingFailedException extends Exception {

    private static final long serialVersionUID = 1L;

    UpcastingFailedException(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }
}
