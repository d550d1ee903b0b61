package dev.pgeventstore.codec.jackson;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pgeventstore.codec.JsonBinding;
import dev.pgeventstore.internal.codec.TypeCheck;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/** How classes are written and read, as a builder was told. */
final class Options {

  private final Set<Class<?>> trusted = new HashSet<>();
  private ObjectMapper mapper = Mappers.newMapper();
  private boolean strict = true;

  void mapper(ObjectMapper given) {
    mapper = given.copy();
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
                ? Mappers.strict(mapper).enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                : mapper)
        .apply(stateClass);
  }

  private Function<Class<?>, JsonBinding<JsonNode>> bindings(ObjectMapper used) {
    JacksonTypes types = new JacksonTypes(used);
    return type -> {
      new TypeCheck<>(types, trusted, strict).check(type);
      return new JacksonBinding(used, type);
    };
  }
}
