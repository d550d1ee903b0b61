package dev.pgeventstore.codec.jackson3;

import static dev.pgeventstore.codec.contract.Content.decode;
import static dev.pgeventstore.codec.contract.Content.encode;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.contract.CodecContract;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

class JacksonCodecTest extends CodecContract {

  private static final EventTypes NOTED =
      EventTypes.builder().type(Noted.class, "order-noted", 1).build();

  @Override
  protected EventCodec codec(EventTypes types) {
    return JacksonCodec.of(types);
  }

  @Override
  protected EventCodec withUpcasters(EventTypes types) {
    return JacksonCodec.builder(types)
        .upcast("order-placed", 1, json -> json.put("cents", json.get("euros").asLong() * 100))
        .upcast("order-placed", 2, json -> json.set("items", json.arrayNode()))
        .upcast("large", 1, json -> json)
        .build();
  }

  @Test
  void changing_a_builder_after_build_changes_nothing() {
    JacksonCodec.Builder builder = JacksonCodec.builder(NOTED);
    JacksonCodec codec = builder.build();
    builder.lenient().trust(Noted.class).upcast("order-noted", 1, json -> json);

    assertThatThrownBy(() -> decode(codec, EncodedEvent.of("order-noted", 1, "{\"text\":\"a\"}")))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("number");
  }

  @Test
  void the_mapper_of_the_caller_determines_the_json() {
    JsonMapper mapper =
        JacksonCodec.newMapper()
            .rebuild()
            .propertyNamingStrategy(PropertyNamingStrategies.UPPER_CAMEL_CASE)
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();
    JacksonCodec codec = JacksonCodec.builder(NOTED).mapper(mapper).build();
    EncodedEvent encoded = encode(codec, new Noted("a", 1, Map.of()));
    assertThat(encoded.data()).isEqualTo("{\"Text\":\"a\",\"Number\":1.0,\"More\":{}}");
    assertThat(decode(codec, encoded)).isEqualTo(new Noted("a", 1, Map.of()));
    assertThatThrownBy(
            () ->
                decode(
                    codec,
                    EncodedEvent.of(
                        "order-noted", 1, encoded.data().replace("{\"T", "{\"Other\":1,\"T"))))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("Other");
  }
}
