package dev.pgeventstore.testkit;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;

/** Equality of JSON as PostgreSQL's jsonb sees it: neither spaces nor the order of keys matter. */
final class JsonEquality {

  private final ObjectReader trees =
      JsonMapper.builder()
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .build()
          .readerFor(JsonNode.class);

  boolean equal(byte[] a, byte[] b) {
    if (Arrays.equals(a, b)) {
      return true;
    }
    try {
      return trees.readTree(a).equals(JsonEquality::compareLeaves, trees.readTree(b));
    } catch (IOException e) {
      throw new UncheckedIOException("what was checked to be JSON is none", e);
    }
  }

  private static int compareLeaves(JsonNode a, JsonNode b) {
    if (a.isNumber() && b.isNumber()) {
      return a.decimalValue().compareTo(b.decimalValue());
    }
    return a.equals(b) ? 0 : 1;
  }
}
