package dev.pgeventstore.codec.jackson3;

import dev.pgeventstore.codec.JsonBinding;
import dev.pgeventstore.codec.JsonLibrary;
import dev.pgeventstore.internal.codec.Components;
import dev.pgeventstore.internal.codec.TypeCheck;
import java.lang.reflect.Executable;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.AnnotationIntrospector;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.cfg.DateTimeFeature;
import tools.jackson.databind.cfg.EnumFeature;
import tools.jackson.databind.cfg.JsonNodeFeature;
import tools.jackson.databind.cfg.MapperConfig;
import tools.jackson.databind.introspect.AccessorNamingStrategy;
import tools.jackson.databind.introspect.AnnotatedClass;
import tools.jackson.databind.introspect.AnnotatedMember;
import tools.jackson.databind.introspect.AnnotatedMethod;
import tools.jackson.databind.introspect.AnnotatedParameter;
import tools.jackson.databind.introspect.DefaultAccessorNamingStrategy;
import tools.jackson.databind.introspect.NopAnnotationIntrospector;
import tools.jackson.databind.json.JsonMapper;

/** How mappers are set, so that what they read is what they have written. */
final class JacksonLibrary implements JsonLibrary<JsonMapper, JsonNode> {

  static final JacksonLibrary INSTANCE = new JacksonLibrary();

  private JacksonLibrary() {}

  @Override
  public JsonMapper newMapper() {
    return JsonMapper.builder()
        .accessorNaming(new ComponentsOnly())
        .disable(DateTimeFeature.WRITE_DATES_AS_TIMESTAMPS)
        .disable(DateTimeFeature.WRITE_DURATIONS_AS_TIMESTAMPS)
        // An offset or a zone is a part of what was recorded.
        .enable(DateTimeFeature.WRITE_DATES_WITH_ZONE_ID)
        .disable(DateTimeFeature.NORMALIZE_DESERIALIZED_ZONE_ID)
        .disable(DateTimeFeature.ADJUST_DATES_TO_CONTEXT_TIME_ZONE)
        // So are the digits of a number whose class is not known.
        .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
        .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
        .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
        .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
        .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
        // Not what toString() says.
        .disable(EnumFeature.WRITE_ENUMS_USING_TO_STRING)
        .disable(EnumFeature.READ_ENUMS_USING_TO_STRING)
        // In the order in which the class has them.
        .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
        // Four bytes for an emoji instead of twelve.
        .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
        .build();
  }

  @Override
  public JsonMapper copy(JsonMapper mapper) {
    return mapper;
  }

  @Override
  public JsonMapper strict(JsonMapper mapper, boolean refusesUnknown) {
    return mapper
        .rebuild()
        .configure(
            DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES,
            refusesUnknown || mapper.isEnabled(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES))
        .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
        .enable(EnumFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
        .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
        .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
        .annotationIntrospector(
            AnnotationIntrospector.pair(
                new Requirements(), mapper.deserializationConfig().getAnnotationIntrospector()))
        .build();
  }

  @Override
  public JsonBinding<JsonNode> bind(
      JsonMapper mapper, Class<?> type, Set<Class<?>> trusted, boolean strict) {
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
    public @Nullable Boolean hasRequiredMarker(MapperConfig<?> config, AnnotatedMember member) {
      boolean required =
          member instanceof AnnotatedParameter parameter
              && parameter.getOwner().getAnnotated() instanceof Executable creator
              && Components.isRequired(creator, parameter.getIndex());
      return required ? Boolean.TRUE : null;
    }
  }
}
