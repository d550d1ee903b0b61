package dev.pgeventstore.codec.jackson;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import dev.pgeventstore.codec.JsonBinding;
import dev.pgeventstore.codec.StorableJson;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** One class, written and read by a mapper. */
final class JacksonBinding implements JsonBinding<JsonNode> {

  /** What was stored is read, however long its strings are: its size was checked before. */
  private static final StreamReadConstraints CONSTRAINTS =
      StreamReadConstraints.builder()
          .maxStringLength(Integer.MAX_VALUE)
          .maxNameLength(Integer.MAX_VALUE)
          .maxNestingDepth(StorableJson.MAX_DEPTH)
          .maxNumberLength(StorableJson.MAX_NUMBER_LENGTH)
          .build();

  /** For upcasting, whatever the events' own mapper does: no digit may get lost. */
  static final ObjectReader TREES = JacksonLibrary.INSTANCE.newMapper().readerFor(JsonNode.class);

  private final JsonFactory parsers;
  private final ObjectWriter writer;
  private final ObjectReader reader;

  JacksonBinding(ObjectMapper mapper, Class<?> type) {
    this.parsers =
        JsonFactory.builder().streamReadConstraints(CONSTRAINTS).build().setCodec(mapper);
    this.writer =
        mapper
            .writerFor(type)
            // As text it would be a value for every reader but Jackson.
            .without(JsonWriteFeature.WRITE_NAN_AS_STRINGS);
    this.reader = mapper.readerFor(type);
  }

  @Override
  public byte[] write(Object object) throws IOException {
    return writer.writeValueAsBytes(object);
  }

  @Override
  public @Nullable Object read(byte[] json) throws IOException {
    try (JsonParser parser = parsers.createParser(json)) {
      return reader.readValue(parser);
    }
  }

  @Override
  public JsonNode tree(byte[] json) throws IOException {
    try (JsonParser parser = parsers.createParser(json)) {
      return TREES.readValue(parser);
    }
  }

  @Override
  public @Nullable Object read(JsonNode tree) throws IOException {
    return reader.readValue(tree);
  }
}
