package dev.pgeventstore.codec.jackson;

import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.AnnotationIntrospector;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.cfg.MapperConfig;
import com.fasterxml.jackson.databind.introspect.AccessorNamingStrategy;
import com.fasterxml.jackson.databind.introspect.AnnotatedClass;
import com.fasterxml.jackson.databind.introspect.AnnotatedMember;
import com.fasterxml.jackson.databind.introspect.AnnotatedMethod;
import com.fasterxml.jackson.databind.introspect.AnnotatedParameter;
import com.fasterxml.jackson.databind.introspect.DefaultAccessorNamingStrategy;
import com.fasterxml.jackson.databind.introspect.NopAnnotationIntrospector;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeFeature;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import dev.pgeventstore.codec.JsonBinding;
import dev.pgeventstore.codec.JsonLibrary;
import dev.pgeventstore.internal.codec.Components;
import dev.pgeventstore.internal.codec.TypeCheck;
import java.lang.reflect.Executable;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** How mappers are set, so that what they read is what they have written. */
final class JacksonLibrary implements JsonLibrary<ObjectMapper, JsonNode> {

  static final JacksonLibrary INSTANCE = new JacksonLibrary();

  private JacksonLibrary() {}

  @Override
  public JsonMapper newMapper() {
    return JsonMapper.builder()
        .addModule(new JavaTimeModule().disable(JavaTimeFeature.NORMALIZE_DESERIALIZED_ZONE_ID))
        .addModule(new Jdk8Module())
        .accessorNaming(new ComponentsOnly())
        .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
        .disable(SerializationFeature.WRITE_DURATIONS_AS_TIMESTAMPS)
        // An offset or a zone is a part of what was recorded.
        .enable(SerializationFeature.WRITE_DATES_WITH_ZONE_ID)
        .disable(DeserializationFeature.ADJUST_DATES_TO_CONTEXT_TIME_ZONE)
        // So are the digits of a number whose class is not known.
        .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
        .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
        .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
        .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
        // Four bytes for an emoji instead of twelve.
        .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
        .build();
  }

  @Override
  public ObjectMapper copy(ObjectMapper mapper) {
    return mapper.copy();
  }

  @Override
  public ObjectMapper strict(ObjectMapper mapper, boolean refusesUnknown) {
    ObjectMapper strict =
        mapper
            .copy()
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(DeserializationFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT);
    if (refusesUnknown) {
      strict.enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
    }
    strict.setConfig(
        strict.getDeserializationConfig().without(MapperFeature.ALLOW_COERCION_OF_SCALARS));
    return strict.setAnnotationIntrospectors(
        strict.getSerializationConfig().getAnnotationIntrospector(),
        AnnotationIntrospector.pair(
            new Requirements(), strict.getDeserializationConfig().getAnnotationIntrospector()));
  }

  @Override
  public JsonBinding<JsonNode> bind(
      ObjectMapper mapper, Class<?> type, Set<Class<?>> trusted, boolean strict) {
    new TypeCheck<>(new JacksonTypes(mapper), trusted, strict).check(type);
    return new JacksonBinding(mapper, type);
  }

  /** A record is its components: methods called isX or getX are none. */
  private static final class ComponentsOnly extends DefaultAccessorNamingStrategy.Provider {

    private static final long serialVersionUID = 1L;

    @Override
    public AccessorNamingStrategy forRecord(MapperConfig<?> config, AnnotatedClass recordClass) {
      return new DefaultAccessorNamingStrategy.RecordNaming(config, recordClass) {
        @Override
        public @Nullable String findNameForRegularGetter(AnnotatedMethod method, String name) {
          return _fieldNames.contains(name) ? name : null;
        }

        @Override
        public @Nullable String findNameForIsGetter(AnnotatedMethod method, String name) {
          return null;
        }
      };
    }
  }

  /** What a constructor needs must be there, unless it may be null. */
  private static final class Requirements extends NopAnnotationIntrospector {

    private static final long serialVersionUID = 1L;

    @Override
    public @Nullable Boolean hasRequiredMarker(AnnotatedMember member) {
      boolean required =
          member instanceof AnnotatedParameter parameter
              && parameter.getOwner().getAnnotated() instanceof Executable creator
              && Components.isRequired(creator, parameter.getIndex());
      return required ? Boolean.TRUE : null;
    }
  }
}
