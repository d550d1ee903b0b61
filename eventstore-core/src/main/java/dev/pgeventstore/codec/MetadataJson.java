package dev.pgeventstore.codec;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Metadata;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;

/** Metadata as one flat JSON object. Safe for many threads. */
final class MetadataJson {

  private final JsonFactory factory = new JsonFactory();
  private final StorableJson storable;
  private final ObjectReader trees;

  MetadataJson(StorableJson storable, ObjectReader trees) {
    this.storable = storable;
    this.trees = trees;
  }

  byte[] encode(Metadata metadata) {
    ByteArrayOutputStream json = new ByteArrayOutputStream(128);
    try (JsonGenerator generator = factory.createGenerator(json)) {
      generator.writeStartObject();
      for (Map.Entry<String, String> entry : metadata.entries().entrySet()) {
        if (entry.getValue() == null) {
          throw new IllegalArgumentException(
              "metadata entry '%s' cannot be stored: it is null".formatted(entry.getKey()));
        }
        generator.writeStringField(entry.getKey(), entry.getValue());
      }
      generator.writeEndObject();
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "metadata cannot be written as JSON: " + e.getMessage(), e);
    }
    byte[] bytes = json.toByteArray();
    String flaw = storable.flawOf(bytes);
    if (flaw != null) {
      throw new IllegalArgumentException("metadata cannot be stored: " + flaw);
    }
    return bytes;
  }

  Metadata decode(byte[] json) {
    Map<String, String> entries = new TreeMap<>();
    try (JsonParser parser = factory.createParser(json)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw new EventStoreException("metadata is no JSON object");
      }
      for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
        // A number keeps the digits it was written with.
        entries.put(
            name,
            parser.nextToken().isScalarValue()
                ? parser.getText()
                : trees.<JsonNode>readValue(parser).toString());
      }
      if (parser.nextToken() != null) {
        throw new EventStoreException("metadata is more than one JSON object");
      }
    } catch (IOException e) {
      throw new EventStoreException("metadata is no JSON object: " + e.getMessage(), e);
    }
    return Metadata.of(entries);
  }
}
