package dev.pgeventstore.testkit;

import dev.pgeventstore.aggregate.Evolution;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Given/when/then tests for evolutions, without a store. Immutable.
 *
 * <pre>{@code
 * EvolutionFixture.of(Order.EVOLUTION)
 *     .given(new Placed("ann", 990))
 *     .when(order -> order.ship(now))
 *     .then(new Shipped(now));
 * }</pre>
 *
 * @param <S> the state
 * @param <E> the events
 */
public final class EvolutionFixture<S, E> {

  private final Evolution<S, E> evolution;
  private final List<E> history;

  private EvolutionFixture(Evolution<S, E> evolution, List<E> history) {
    this.evolution = evolution;
    this.history = List.copyOf(history);
  }

  /**
   * A fixture without history.
   *
   * @param evolution the evolution under test
   * @param <S> the state
   * @param <E> the events
   * @return the fixture
   */
  public static <S, E> EvolutionFixture<S, E> of(Evolution<S, E> evolution) {
    return new EvolutionFixture<>(evolution, List.of());
  }

  /**
   * Adds events to the history.
   *
   * @param events the events to add, oldest first
   * @return a copy with these events
   */
  @SafeVarargs
  @SuppressWarnings("varargs")
  public final EvolutionFixture<S, E> given(E... events) {
    List<E> longer = new ArrayList<>(history);
    Arrays.stream(events).forEach(longer::add);
    return new EvolutionFixture<>(evolution, longer);
  }

  /**
   * Makes the decision that is tested.
   *
   * @param decide is called with the state that results from the history; returns the new events
   * @return the decision: its events, or what it threw
   */
  public Decision<S, E> when(Function<? super S, ? extends List<? extends E>> decide) {
    S before = stateAfter(evolution.initial(), history);
    try {
      return new Decision<>(this, before, List.copyOf(decide.apply(before)), null);
    } catch (RuntimeException e) {
      return new Decision<>(this, before, List.of(), e);
    }
  }

  private S stateAfter(S from, List<? extends E> events) {
    S state = from;
    for (E event : events) {
      state = evolution.evolve(state, event);
    }
    return state;
  }

  /**
   * The events of a decision, or what it threw. Immutable.
   *
   * @param <S> the state
   * @param <E> the events
   */
  public static final class Decision<S, E> {

    private final EvolutionFixture<S, E> given;
    private final S before;
    private final List<E> decided;
    private final @Nullable RuntimeException thrown;

    private Decision(
        EvolutionFixture<S, E> given,
        S before,
        List<E> decided,
        @Nullable RuntimeException thrown) {
      this.given = given;
      this.before = before;
      this.decided = decided;
      this.thrown = thrown;
    }

    /**
     * Asserts which events were decided.
     *
     * @param expected exactly these events, in this order
     * @return this decision, for further assertions
     * @throws AssertionError if the events differ, or the decision threw an exception
     */
    @SafeVarargs
    @SuppressWarnings("varargs")
    public final Decision<S, E> then(E... expected) {
      List<E> wanted = Arrays.stream(expected).toList();
      if (thrown != null || !decided.equals(wanted)) {
        throw failure("these events", list(wanted));
      }
      return this;
    }

    /**
     * Asserts that nothing was decided.
     *
     * @return this decision, for further assertions
     * @throws AssertionError if there are events, or the decision threw an exception
     */
    public Decision<S, E> thenNothing() {
      if (thrown != null || !decided.isEmpty()) {
        throw failure("no event", "");
      }
      return this;
    }

    /**
     * Asserts the state after the decided events.
     *
     * @param expected a state that is equal to the actual one
     * @return this decision, for further assertions
     * @throws AssertionError if the state differs, or the decision threw an exception
     */
    public Decision<S, E> thenState(S expected) {
      S after = given.stateAfter(before, decided);
      if (thrown != null || !Objects.equals(after, expected)) {
        throw failure("this state", "\n  " + expected, "the state is\n  " + after);
      }
      return this;
    }

    /**
     * Asserts that the decision threw an exception.
     *
     * @param type of the exception
     * @return the exception, for further assertions
     * @param <X> of the exception
     * @throws AssertionError if the decision threw nothing, or an exception of another type
     */
    public <X extends RuntimeException> X thenThrows(Class<X> type) {
      if (!type.isInstance(thrown)) {
        throw failure("an exception", "\n  " + type.getName());
      }
      return type.cast(thrown);
    }

    private AssertionError failure(String kind, String expected) {
      return failure(kind, expected, "decided" + list(decided));
    }

    private AssertionError failure(String kind, String expected, String actual) {
      return new AssertionError(
          "given%s\nwith the state\n  %s\nexpected %s%s\nbut %s"
              .formatted(
                  list(given.history),
                  before,
                  kind,
                  expected,
                  thrown == null ? actual : "thrown was\n  " + thrown),
          thrown);
    }

    private static String list(List<?> events) {
      StringBuilder text = new StringBuilder();
      int number = 1;
      for (Object event : events) {
        text.append("\n  ").append(number++).append(". ").append(event);
      }
      return text.isEmpty() ? "\n  nothing" : text.toString();
    }
  }
}
