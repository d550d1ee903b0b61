package dev.pgeventstore.spi;

import java.util.List;
import java.util.Optional;

/** What a store hands out by {@link dev.pgeventstore.EventStreams#unwrap}. Immutable. */
public final class Parts {

  private final List<Object> parts;

  private Parts(List<Object> parts) {
    this.parts = parts;
  }

  /**
   * Some parts.
   *
   * @param parts the store itself among them; where two are of a wanted type, the first one counts
   * @return what finds them
   */
  public static Parts of(Object... parts) {
    return new Parts(List.of(parts));
  }

  /**
   * Finds one.
   *
   * @param <T> what it is to be
   * @param type of it
   * @return empty if there is none
   */
  public <T> Optional<T> find(Class<T> type) {
    return parts.stream().filter(type::isInstance).map(type::cast).findFirst();
  }
}
