package dev.pgeventstore.codec.jackson3;

import dev.pgeventstore.codec.JsonBinding;
import dev.pgeventstore.internal.codec.TypeCheck;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** How classes are written and read, as a builder was told. */
final class Options {

  private final Set<Class<?>> trusted = new HashSet<>();
  private JsonMapper mapper = Mappers.newMapper();
  private boolean strict = true;

  void mapper(JsonMapper given) {
    mapper = given;
  }

  void lenient() {
    strict = false;
  }

  void trust(Class<?>... classes) {
    trusted.addAll(List.of(classes));
  }

  /** Of events: what the JSON has more than the class is passed over, as the mapper says. */
  Function<Class<?>, JsonBinding<JsonNode>> forEvents() {
    return bindings(strict ? Mappers.strict(mapper) : mapper);
  }

  /** Of states: what the JSON has more shows that the class has changed since. */
  JsonBinding<JsonNode> forStates(Class<?> stateClass) {
    return bindings(
            strict
                ? Mappers.strict(mapper)
                    .rebuild()
                    .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                    .build()
                : mapper)
        .apply(stateClass);
  }

  private Function<Class<?>, JsonBinding<JsonNode>> bindings(JsonMapper used) {
    JacksonTypes types = new JacksonTypes(used);
    return type -> {
      new TypeCheck<>(types, trusted, strict).check(type);
      return new JacksonBinding(used, type);
    };
  }
}
