package dev.pgeventstore.codec.jackson3;

import dev.pgeventstore.codec.JsonBinding;
import dev.pgeventstore.codec.StorableJson;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonParser;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectReader;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.json.JsonMapper;

/** One class, written and read by a mapper. */
final class JacksonBinding implements JsonBinding<JsonNode> {

  /** What was stored is read, however long its strings are: its size was checked before. */
  private static final JsonFactory PARSERS =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxStringLength(Integer.MAX_VALUE)
                  .maxNameLength(Integer.MAX_VALUE)
                  .maxNestingDepth(StorableJson.MAX_DEPTH)
                  .maxNumberLength(StorableJson.MAX_NUMBER_LENGTH)
                  .build())
          .build();

  /** For upcasting, whatever the events' own mapper does: no digit may get lost. */
  static final ObjectReader TREES = JacksonLibrary.INSTANCE.newMapper().readerFor(JsonNode.class);

  private final ObjectWriter writer;
  private final ObjectReader reader;

  JacksonBinding(JsonMapper mapper, Class<?> type) {
    this.writer =
        mapper
            .writerFor(type)
            // As text it would be a value for every reader but Jackson.
            .without(JsonWriteFeature.WRITE_NAN_AS_STRINGS);
    this.reader = mapper.readerFor(type);
  }

  @Override
  public byte[] write(Object object) {
    return writer.writeValueAsBytes(object);
  }

  @Override
  public @Nullable Object read(byte[] json) {
    try (JsonParser parser = PARSERS.createParser(ObjectReadContext.empty(), json)) {
      return reader.readValue(parser);
    }
  }

  @Override
  public JsonNode tree(byte[] json) {
    try (JsonParser parser = PARSERS.createParser(ObjectReadContext.empty(), json)) {
      return TREES.readValue(parser);
    }
  }

  @Override
  public @Nullable Object read(JsonNode tree) {
    return reader.readValue(tree);
  }
}
