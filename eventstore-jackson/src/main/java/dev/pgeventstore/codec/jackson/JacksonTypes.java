package dev.pgeventstore.codec.jackson;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationConfig;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.deser.BeanDeserializerBase;
import com.fasterxml.jackson.databind.deser.CreatorProperty;
import com.fasterxml.jackson.databind.deser.DefaultDeserializationContext;
import com.fasterxml.jackson.databind.deser.SettableBeanProperty;
import com.fasterxml.jackson.databind.deser.ValueInstantiator;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.databind.introspect.AnnotatedMember;
import com.fasterxml.jackson.databind.introspect.BeanPropertyDefinition;
import com.fasterxml.jackson.databind.jsontype.TypeDeserializer;
import com.fasterxml.jackson.databind.jsontype.TypeIdResolver;
import com.fasterxml.jackson.databind.jsontype.TypeSerializer;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.ser.BeanPropertyWriter;
import dev.pgeventstore.internal.codec.TypeModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a mapper does with Java types, determined from its serializers and deserializers. */
final class JacksonTypes implements TypeModel<JavaType> {

  private final ObjectMapper mapper;

  JacksonTypes(ObjectMapper mapper) {
    this.mapper = mapper;
  }

  private SerializerProvider writing() {
    return mapper.getSerializerProviderInstance();
  }

  private DeserializationContext reading() {
    return ((DefaultDeserializationContext) mapper.getDeserializationContext())
        .createDummyInstance(mapper.getDeserializationConfig());
  }

  @Override
  public JavaType of(Type type) {
    return mapper.constructType(type);
  }

  @Override
  public Class<?> classOf(JavaType type) {
    return type.getRawClass();
  }

  @Override
  public @Nullable JavaType keyOf(JavaType type) {
    return type.isMapLikeType() ? type.getKeyType() : null;
  }

  @Override
  public @Nullable JavaType contentOf(JavaType type) {
    return type.isContainerType() || type.isReferenceType() ? type.getContentType() : null;
  }

  @Override
  public @Nullable Tree treeOf(JavaType type) {
    Class<?> raw = type.getRawClass();
    return raw == ArrayNode.class
        ? Tree.ARRAY
        : raw == ObjectNode.class ? Tree.OBJECT : raw == JsonNode.class ? Tree.ANY : null;
  }

  @Override
  public Object tree(String json) throws IOException {
    return JacksonBinding.TREES.readTree(json);
  }

  @Override
  public boolean isCustom(JavaType type) {
    try {
      return isCustom(
          writing().findValueSerializer(type), reading().findNonContextualValueDeserializer(type));
    } catch (JsonMappingException e) {
      return false;
    }
  }

  private static boolean isCustom(@Nullable Object serializer, @Nullable Object deserializer) {
    return serializer != null
        && deserializer != null
        && !serializer.getClass().getName().startsWith("com.fasterxml.jackson.")
        && !deserializer.getClass().getName().startsWith("com.fasterxml.jackson.");
  }

  @Override
  public @Nullable JavaType valueOf(JavaType type) {
    AnnotatedMember accessor = description(type).findJsonValueAccessor();
    return accessor == null ? null : accessor.getType();
  }

  private BeanDescription description(JavaType type) {
    return mapper.getSerializationConfig().introspect(type);
  }

  @Override
  public byte[] write(JavaType type, @Nullable Object value) throws IOException {
    return mapper.writerFor(type).writeValueAsBytes(value);
  }

  @Override
  public @Nullable Object read(JavaType type, byte[] json) throws IOException {
    return mapper.readerFor(type).readValue(json);
  }

  @Override
  public boolean isRefusal(Exception failure) {
    return failure instanceof ValueInstantiationException;
  }

  @Override
  public boolean hasTypeIds(JavaType type) {
    try {
      return mapper.getDeserializationConfig().findTypeDeserializer(type) != null;
    } catch (JsonMappingException e) {
      return false;
    }
  }

  @Override
  public @Nullable Class<?> readFor(JavaType type, Class<?> written) {
    try {
      TypeSerializer writer = writing().findTypeSerializer(type);
      TypeDeserializer reader = mapper.getDeserializationConfig().findTypeDeserializer(type);
      @Nullable TypeIdResolver names = writer.getTypeIdResolver();
      @Nullable TypeIdResolver classes = reader.getTypeIdResolver();
      if (names == null || classes == null) {
        return null;
      }
      JavaType read = classes.typeFromId(reading(), names.idFromValueAndType(null, written));
      return read == null ? null : read.getRawClass();
    } catch (IOException e) {
      return null;
    }
  }

  @Override
  public Bean<JavaType> bean(JavaType type) throws JsonMappingException {
    Map<String, BeanPropertyWriter> writers = new LinkedHashMap<>();
    writing()
        .findValueSerializer(type)
        .properties()
        .forEachRemaining(
            each -> {
              if (each instanceof BeanPropertyWriter writer) {
                writers.put(writer.getName(), writer);
              }
            });
    JsonDeserializer<?> deserializer = reading().findNonContextualValueDeserializer(type);
    if (!(deserializer instanceof BeanDeserializerBase reader)) {
      throw JsonMappingException.from(
          reading(), "it is read by " + deserializer.getClass().getName());
    }
    Map<String, SettableBeanProperty> readers = new HashMap<>();
    Iterator<SettableBeanProperty> properties = reader.properties();
    properties.forEachRemaining(property -> readers.put(property.getName(), property));
    ValueInstantiator maker = reader.getValueInstantiator();
    Map<String, Absence> absences = absences(type);
    Set<String> names = new LinkedHashSet<>(writers.keySet());
    names.addAll(readers.keySet());
    List<Part<JavaType>> parts = new ArrayList<>();
    for (String name : names) {
      parts.add(
          part(
              name,
              writers.get(name),
              readers.get(name),
              absences.getOrDefault(name, Absence.NONE)));
    }
    return new Bean<>(maker.canCreateFromObjectWith() || maker.canCreateUsingDefault(), parts);
  }

  private Map<String, Absence> absences(JavaType type) {
    SerializationConfig config = mapper.getSerializationConfig();
    BeanDescription description = description(type);
    JsonInclude.Value all = description.findPropertyInclusion(config.getDefaultPropertyInclusion());
    Map<String, Absence> absences = new HashMap<>();
    for (BeanPropertyDefinition property : description.findProperties()) {
      absences.put(
          property.getName(),
          switch (all.withOverrides(property.findInclusion()).getValueInclusion()) {
            case ALWAYS, USE_DEFAULTS -> Absence.NONE;
            case NON_NULL, NON_ABSENT -> Absence.NULL;
            default -> Absence.MORE;
          });
    }
    return absences;
  }

  private Part<JavaType> part(
      String name,
      @Nullable BeanPropertyWriter writer,
      @Nullable SettableBeanProperty reader,
      Absence absence) {
    return new Part<>(
        name,
        reader == null ? Objects.requireNonNull(writer, name).getType() : reader.getType(),
        writer != null,
        reader != null,
        reader instanceof CreatorProperty,
        reader != null && reader.isRequired(),
        absence,
        writer != null
            && reader != null
            && isCustom(writer.getSerializer(), reader.getValueDeserializer()),
        value ->
            tried(
                Objects.requireNonNull(writer, name), Objects.requireNonNull(reader, name), value));
  }

  private @Nullable Object tried(
      BeanPropertyWriter writer, SettableBeanProperty reader, Object value) throws IOException {
    byte[] json = written(writer, value);
    try (JsonParser parser = mapper.createParser(json)) {
      parser.nextToken();
      return reader.deserialize(
          parser,
          ((DefaultDeserializationContext) mapper.getDeserializationContext())
              .createInstance(
                  mapper.getDeserializationConfig(), parser, mapper.getInjectableValues()));
    }
  }

  private byte[] written(BeanPropertyWriter property, Object value) throws IOException {
    SerializerProvider context = writing();
    JsonSerializer<Object> serializer = property.getSerializer();
    if (serializer == null) {
      serializer =
          context.findPrimaryPropertySerializer(
              context.constructSpecializedType(property.getType(), value.getClass()), property);
    }
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonGenerator generator = mapper.createGenerator(json)) {
      TypeSerializer types = property.getTypeSerializer();
      if (types == null) {
        serializer.serialize(value, generator, context);
      } else {
        serializer.serializeWithType(value, generator, context, types);
      }
    }
    return json.toByteArray();
  }
}
