package dev.pgeventstore.codec.jackson3;

import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.JsonBinding;
import dev.pgeventstore.codec.JsonCodec;
import dev.pgeventstore.codec.JsonOptions;
import dev.pgeventstore.codec.Upcasts;
import java.util.function.Function;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Events as JSON, written and read by Jackson 3.
 *
 * <p>Records need no annotation. A codec is refused when it is built if objects of a registered
 * class could change in the round trip, or be stored and never be read; the error names the class,
 * the property and what to do. Otherwise, what is encoded and stored comes back equal. A zoned time
 * keeps its region, and a decimal number keeps its digits and zeros, even inside a tree of
 * arbitrary JSON. The comparator of a sorted collection is not kept.
 *
 * <p>A property that is missing from the stored JSON is an error that names it, unless the property
 * may be null (an annotation named {@code Nullable}) or is an {@code Optional}. Text is not
 * accepted as a number, nor a fraction as an integer. {@link Builder#lenient} accepts both. A
 * property that the class does not have is ignored in an event.
 *
 * <p>Input that is not JSON, that {@code jsonb} cannot hold, or that exceeds a limit of parsers is
 * refused when it is encoded; the error says which of these it is: NaN and infinite numbers, the
 * character {@code \u0000}, halves of surrogate pairs, numbers beyond the range of {@code numeric}.
 * A stored text of any length can be read.
 */
public final class JacksonCodec extends JsonCodec<JsonNode> {

  private JacksonCodec(
      EventTypes types,
      Upcasts<JsonNode> upcasts,
      Function<Class<?>, JsonBinding<JsonNode>> bindings) {
    super(types, upcasts, bindings);
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
   * @return its {@code rebuild()} changes a detail
   */
  public static JsonMapper newMapper() {
    return JacksonLibrary.INSTANCE.newMapper();
  }

  /** Collects upcasters and options. The order of calls does not matter. */
  public static final class Builder extends JsonOptions<JsonMapper, JsonNode, Builder> {

    private final EventTypes types;
    private final Upcasts<JsonNode> upcasts = new Upcasts<>();

    private Builder(EventTypes types) {
      super(JacksonLibrary.INSTANCE);
      this.types = types;
    }

    @Override
    protected Builder self() {
      return this;
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
     * The codec.
     *
     * @return an immutable codec
     * @throws IllegalArgumentException if an upcaster is missing, belongs to no registered type, or
     *     starts at a revision that is not an older one; or if objects of a class could change on
     *     the way, or be stored and never be read
     */
    public JacksonCodec build() {
      return new JacksonCodec(types, upcasts, forEvents());
    }
  }
}
