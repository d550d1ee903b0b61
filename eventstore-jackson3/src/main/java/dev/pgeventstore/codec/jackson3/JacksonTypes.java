package dev.pgeventstore.codec.jackson3;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.pgeventstore.internal.codec.TypeModel;
import java.io.ByteArrayOutputStream;
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
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.databind.BeanDescription;
import tools.jackson.databind.DatabindException;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.JavaType;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationConfig;
import tools.jackson.databind.ValueDeserializer;
import tools.jackson.databind.ValueSerializer;
import tools.jackson.databind.deser.CreatorProperty;
import tools.jackson.databind.deser.SettableBeanProperty;
import tools.jackson.databind.deser.ValueInstantiator;
import tools.jackson.databind.deser.bean.BeanDeserializerBase;
import tools.jackson.databind.exc.ValueInstantiationException;
import tools.jackson.databind.introspect.AnnotatedMember;
import tools.jackson.databind.introspect.BeanPropertyDefinition;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.jsontype.TypeDeserializer;
import tools.jackson.databind.jsontype.TypeIdResolver;
import tools.jackson.databind.jsontype.TypeSerializer;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.ser.BeanPropertyWriter;
import tools.jackson.databind.ser.SerializationContextExt;

/** What a mapper does with Java types, determined from its serializers and deserializers. */
final class JacksonTypes implements TypeModel<JavaType> {

  private final JsonMapper mapper;

  JacksonTypes(JsonMapper mapper) {
    this.mapper = mapper;
  }

  private SerializationContextExt writing() {
    return mapper._serializationContext();
  }

  private DeserializationContext reading() {
    return mapper._deserializationContext();
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
  public Object tree(String json) {
    return JacksonBinding.TREES.readTree(json);
  }

  @Override
  public boolean isCustom(JavaType type) {
    try {
      return isCustom(
          writing().findValueSerializer(type), reading().findNonContextualValueDeserializer(type));
    } catch (JacksonException e) {
      return false;
    }
  }

  private static boolean isCustom(@Nullable Object serializer, @Nullable Object deserializer) {
    return serializer != null
        && deserializer != null
        && !serializer.getClass().getName().startsWith("tools.jackson.")
        && !deserializer.getClass().getName().startsWith("tools.jackson.");
  }

  @Override
  public @Nullable JavaType valueOf(JavaType type) {
    AnnotatedMember accessor = description(type).findJsonValueAccessor();
    return accessor == null ? null : accessor.getType();
  }

  private BeanDescription description(JavaType type) {
    return writing().introspectBeanDescription(type);
  }

  @Override
  public byte[] write(JavaType type, @Nullable Object value) {
    return mapper.writerFor(type).writeValueAsBytes(value);
  }

  @Override
  public @Nullable Object read(JavaType type, byte[] json) {
    return mapper.readerFor(type).readValue(json);
  }

  @Override
  public boolean isRefusal(Exception failure) {
    return failure instanceof ValueInstantiationException;
  }

  @Override
  public boolean hasTypeIds(JavaType type) {
    try {
      return reading().findTypeDeserializer(type) != null;
    } catch (JacksonException e) {
      return false;
    }
  }

  @Override
  public @Nullable Class<?> readFor(JavaType type, Class<?> written) {
    try {
      TypeSerializer writer = writing().findTypeSerializer(type);
      TypeDeserializer reader = reading().findTypeDeserializer(type);
      @Nullable TypeIdResolver names = writer.getTypeIdResolver();
      @Nullable TypeIdResolver classes = reader.getTypeIdResolver();
      if (names == null || classes == null) {
        return null;
      }
      JavaType read =
          classes.typeFromId(reading(), names.idFromValueAndType(writing(), null, written));
      return read == null ? null : read.getRawClass();
    } catch (JacksonException e) {
      return null;
    }
  }

  @Override
  public Bean<JavaType> bean(JavaType type) {
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
    ValueDeserializer<?> deserializer = reading().findNonContextualValueDeserializer(type);
    if (!(deserializer instanceof BeanDeserializerBase reader)) {
      throw DatabindException.from(reading(), "it is read by " + deserializer.getClass().getName());
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
    SerializationConfig config = mapper.serializationConfig();
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
      BeanPropertyWriter writer, SettableBeanProperty reader, Object value) {
    byte[] json = written(writer, value);
    try (JsonParser parser = mapper.createParser(json)) {
      parser.nextToken();
      return reader.deserialize(parser, mapper._deserializationContext().assignParser(parser));
    }
  }

  private byte[] written(BeanPropertyWriter property, Object value) {
    SerializationContextExt context = writing();
    ValueSerializer<Object> serializer = property.getSerializer();
    if (serializer == null) {
      serializer =
          context.findPrimaryPropertySerializer(
              context.constructSpecializedType(property.getType(), value.getClass()), property);
    }
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonGenerator generator = mapper.createGenerator(json)) {
      TypeSerializer types = property.getTypeSerializer();
      if (types == null) {
        context.serializeValue(generator, value, null, serializer);
      } else {
        context.serializePolymorphic(generator, value, null, serializer, types);
      }
    }
    return json.toByteArray();
  }
}
