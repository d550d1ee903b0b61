package dev.pgeventstore.codec.jackson;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.JsonCodec;
import dev.pgeventstore.codec.Upcasts;

/**
 * Events as JSON, written and read by Jackson 2.
 *
 * <p>Records need no annotation. Types of {@code java.time} are written as ISO-8601 text. What
 * PostgreSQL cannot store is refused when it is encoded: NaN and infinite numbers, the character
 * {@code \u0000}, halves of surrogate pairs, numbers beyond the range of {@code numeric}.
 */
public final class JacksonCodec extends JsonCodec<JsonNode> {

  private JacksonCodec(Builder builder, ObjectMapper mapper) {
    super(builder.types, builder.upcasts, payloadClass -> new JacksonBinding(mapper, payloadClass));
  }

  /**
   * A codec with the mapper of {@link #newMapper()} and no upcasters.
   *
   * @param types what may be written and read
   * @return the codec
   * @throws IllegalArgumentException as {@link Builder#build} throws it
   */
  public static JacksonCodec of(EventTypes types) {
    return builder(types).build();
  }

  /**
   * Starts a codec.
   *
   * @param types what may be written and read
   * @return a builder, for one thread
   */
  public static Builder builder(EventTypes types) {
    return new Builder(types);
  }

  /**
   * The mapper that a codec has unless it is given one.
   *
   * @return a new one, to be changed at will
   */
  public static JsonMapper newMapper() {
    return Mappers.newMapper();
  }

  /** Collects upcasters and options. The order of calls does not matter. */
  public static final class Builder {

    private final EventTypes types;
    private final Upcasts<JsonNode> upcasts = new Upcasts<>();
    private ObjectMapper mapper = newMapper();

    private Builder(EventTypes types) {
      this.types = types;
    }

    /**
     * Brings one older revision of a type to the next. A type at revision 3 needs two: from 1 and
     * from 2.
     *
     * @param name of a registered type
     * @param fromRevision the revision of the JSON that the upcaster is given, 1 or more
     * @param upcaster returns the JSON of {@code fromRevision + 1}
     * @return this builder
     * @throws IllegalArgumentException if there is one for this step already
     */
    public Builder upcast(String name, int fromRevision, Upcaster upcaster) {
      upcasts.add(
          name,
          fromRevision,
          json -> {
            if (json instanceof ObjectNode object) {
              return upcaster.upcast(object);
            }
            throw new IllegalArgumentException("its JSON is no object");
          });
      return this;
    }

    /**
     * Takes a mapper of the caller's, which decides how events look as JSON. Start from {@link
     * #newMapper()} to change a detail.
     *
     * @param mapper for JSON; changing it later has no effect
     * @return this builder
     */
    public Builder mapper(ObjectMapper mapper) {
      this.mapper = mapper.copy();
      return this;
    }

    /**
     * The codec.
     *
     * @return an immutable codec
     * @throws IllegalArgumentException if an upcaster is missing, belongs to no registered type, or
     *     starts at a revision that is not an older one
     */
    public JacksonCodec build() {
      return new JacksonCodec(this, mapper);
    }
  }
}
