package dev.pgeventstore.codec;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * The steps from older revisions of event types to the next ones, before it is known that none is
 * missing. For authors of codecs.
 *
 * @param <T> the library's tree of a JSON value
 */
public final class Upcasts<T> {

  private final Map<String, Map<Integer, UnaryOperator<T>>> steps = new HashMap<>();

  /** No steps yet. */
  public Upcasts() {}

  /**
   * Adds a step.
   *
   * @param name of an event type
   * @param fromRevision the revision of the JSON that the step is given
   * @param step returns the JSON of {@code fromRevision + 1}
   * @throws IllegalArgumentException if there is one for this revision already
   */
  public void add(String name, int fromRevision, UnaryOperator<T> step) {
    if (steps.computeIfAbsent(name, unused -> new TreeMap<>()).putIfAbsent(fromRevision, step)
        != null) {
      throw new IllegalArgumentException(
          "event type '%s' has two upcasters from revision %d".formatted(name, fromRevision));
    }
  }

  /** Finds what is missing, and what leads nowhere. */
  void requireFit(EventTypes types) {
    Map<String, RegisteredType> byName = new HashMap<>();
    for (RegisteredType type : types.all()) {
      byName.put(type.name(), type);
      for (int from = 1; from < type.revision(); from++) {
        if (!of(type).containsKey(from)) {
          throw new IllegalArgumentException(
              ("event type '%s' is at revision %d, but has no upcaster from revision %d: add"
                      + " upcast(\"%s\", %d, …)")
                  .formatted(type.name(), type.revision(), from, type.name(), from));
        }
      }
    }
    steps.forEach(
        (name, given) -> {
          RegisteredType type = byName.get(name);
          if (type == null) {
            throw new IllegalArgumentException(
                "there is an upcaster for event type '%s', which is not registered"
                    .formatted(name));
          }
          for (int from : given.keySet()) {
            if (from < 1 || from >= type.revision()) {
              throw new IllegalArgumentException(
                  ("event type '%s' has an upcaster from revision %d, which is not an older one:"
                          + " its revision is %d")
                      .formatted(name, from, type.revision()));
            }
          }
        });
  }

  /** The step from revision 1, from revision 2 and so on, up to the present one. */
  List<UnaryOperator<T>> stepsOf(RegisteredType type) {
    return IntStream.range(1, type.revision()).mapToObj(from -> of(type).get(from)).toList();
  }

  private Map<Integer, UnaryOperator<T>> of(RegisteredType type) {
    return steps.getOrDefault(type.name(), Map.of());
  }
}
