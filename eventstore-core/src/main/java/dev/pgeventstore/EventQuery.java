package dev.pgeventstore;

import static java.util.stream.Collectors.joining;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Which events of the global order are wanted. Immutable; each method returns a narrower copy,
 * {@link #or} a wider one.
 *
 * <p>A query is a list of alternatives. An event matches an alternative if it meets all of its
 * parts, and the query if it matches one alternative.
 */
public final class EventQuery {

  private static final EventQuery ALL =
      new EventQuery(List.of(new Alternative(Set.of(), Set.of(), Optional.empty())));

  private final List<Alternative> alternatives;

  private EventQuery(List<Alternative> alternatives) {
    this.alternatives = List.copyOf(alternatives);
  }

  /**
   * Every event.
   *
   * @return the query that all events match
   */
  public static EventQuery all() {
    return ALL;
  }

  /**
   * Only events of streams in one of these categories.
   *
   * @param names at least one
   * @return a narrower copy
   * @throws IllegalArgumentException if there is none, one is blank or has a {@code -}, or the
   *     query has categories already: use {@link #or} to state whether both or either are meant
   */
  public EventQuery categories(String... names) {
    Set<String> wanted = requireNames("category", names);
    for (String name : wanted) {
      if (name.indexOf('-') >= 0) {
        throw new IllegalArgumentException(
            "no stream has the category '%s': a '-' separates category and key".formatted(name));
      }
    }
    requireFirst("categories", alternatives.stream().allMatch(a -> a.categories.isEmpty()));
    return narrow(a -> new Alternative(wanted, a.types, a.streamPrefix));
  }

  /**
   * Only events with one of these type names.
   *
   * @param names at least one
   * @return a narrower copy
   * @throws IllegalArgumentException if there is none, one is blank, or the query has types already
   */
  public EventQuery types(String... names) {
    Set<String> wanted = requireNames("type", names);
    requireFirst("types", alternatives.stream().allMatch(a -> a.types.isEmpty()));
    return narrow(a -> new Alternative(a.categories, wanted, a.streamPrefix));
  }

  /**
   * Only events of streams whose id starts like this.
   *
   * @param prefix not empty
   * @return a narrower copy
   * @throws IllegalArgumentException if it is empty, or the query has a prefix already
   */
  public EventQuery streamPrefix(String prefix) {
    if (prefix.isEmpty()) {
      throw new IllegalArgumentException("a stream prefix is empty");
    }
    Text.requireStorable("a stream prefix", prefix);
    requireFirst("a stream prefix", alternatives.stream().allMatch(a -> a.streamPrefix.isEmpty()));
    return narrow(a -> new Alternative(a.categories, a.types, Optional.of(prefix)));
  }

  /**
   * Events that match this query or the other.
   *
   * @param other what else is wanted
   * @return a wider copy
   */
  public EventQuery or(EventQuery other) {
    List<Alternative> both = new ArrayList<>(alternatives);
    both.addAll(other.alternatives);
    return new EventQuery(both);
  }

  private static void requireFirst(String part, boolean isFirst) {
    if (!isFirst) {
      throw new IllegalArgumentException(
          "the query has %s already: name all of them in one call, or join two queries with or()"
              .formatted(part));
    }
  }

  private EventQuery narrow(UnaryOperator<Alternative> how) {
    return new EventQuery(alternatives.stream().map(how).toList());
  }

  private static Set<String> requireNames(String what, String... names) {
    if (names.length == 0) {
      throw new IllegalArgumentException("a query needs at least one " + what);
    }
    for (String name : names) {
      if (name.isBlank()) {
        throw new IllegalArgumentException("a query's " + what + " is blank");
      }
      Text.requireStorable("a query's " + what, name);
    }
    return new TreeSet<>(List.of(names));
  }

  /**
   * Whether an event is wanted.
   *
   * @param event any event
   * @return true if it matches at least one alternative
   */
  public boolean matches(RecordedEvent event) {
    for (Alternative alternative : alternatives) {
      if (alternative.matches(event)) {
        return true;
      }
    }
    return false;
  }

  /**
   * Whether every event matches.
   *
   * @return true if an alternative has no part
   */
  public boolean matchesAll() {
    return alternatives.stream().anyMatch(Alternative::isOpen);
  }

  /**
   * The alternatives.
   *
   * @return at least one
   */
  public List<Alternative> alternatives() {
    return alternatives;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof EventQuery that && alternatives.equals(that.alternatives);
  }

  @Override
  public int hashCode() {
    return alternatives.hashCode();
  }

  /**
   * The query as a text that can be stored and compared with that of another process, such as
   * {@code category in ('order') and type in ('placed', 'shipped')}. Queries with the same
   * alternatives have the same text, in whatever order alternatives and names were given. Later
   * versions of this library give the same text.
   *
   * <p>Two texts may differ although the same events match: only what is repeated, or covered by an
   * alternative without parts, is left out.
   *
   * @return never empty
   */
  public String canonicalText() {
    return matchesAll()
        ? "all events"
        : alternatives.stream()
            .map(Alternative::canonicalText)
            .distinct()
            .sorted()
            .collect(joining(" or "));
  }

  /**
   * For people.
   *
   * @return the {@link #canonicalText()}
   */
  @Override
  public String toString() {
    return canonicalText();
  }

  /** One way to match: all of the parts that are there. Immutable. */
  public static final class Alternative {

    private final Set<String> categories;
    private final Set<String> types;
    private final Optional<String> streamPrefix;

    private Alternative(Set<String> categories, Set<String> types, Optional<String> streamPrefix) {
      this.categories = Set.copyOf(categories);
      this.types = Set.copyOf(types);
      this.streamPrefix = streamPrefix;
    }

    /**
     * The wanted categories.
     *
     * @return empty for every category
     */
    public Set<String> categories() {
      return categories;
    }

    /**
     * The wanted type names.
     *
     * @return empty for every type
     */
    public Set<String> types() {
      return types;
    }

    /**
     * How the stream's id must start.
     *
     * @return empty for every stream
     */
    public Optional<String> streamPrefix() {
      return streamPrefix;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Alternative that
          && categories.equals(that.categories)
          && types.equals(that.types)
          && streamPrefix.equals(that.streamPrefix);
    }

    @Override
    public int hashCode() {
      return Objects.hash(categories, types, streamPrefix);
    }

    @Override
    public String toString() {
      return isOpen() ? "all events" : canonicalText();
    }

    boolean isOpen() {
      return categories.isEmpty() && types.isEmpty() && streamPrefix.isEmpty();
    }

    boolean matches(RecordedEvent event) {
      return (categories.isEmpty() || categories.contains(event.stream().category()))
          && (types.isEmpty() || types.contains(event.type()))
          && streamPrefix.map(event.stream().toString()::startsWith).orElse(true);
    }

    private String canonicalText() {
      List<String> parts = new ArrayList<>();
      if (!categories.isEmpty()) {
        parts.add("category in " + list(categories));
      }
      if (!types.isEmpty()) {
        parts.add("type in " + list(types));
      }
      streamPrefix.ifPresent(prefix -> parts.add("stream begins with " + quoted(prefix)));
      return String.join(" and ", parts);
    }

    private static String list(Set<String> names) {
      return names.stream().sorted().map(Alternative::quoted).collect(joining(", ", "(", ")"));
    }

    // As in SQL, so that no name can look like another query.
    private static String quoted(String name) {
      return "'" + name.replace("'", "''") + "'";
    }
  }
}
