package dev.pgeventstore.aggregate;

import java.util.function.BiFunction;

/**
 * How the events of a stream add up to a state. Pure: the same events always give the same state,
 * and states are not changed but replaced. Safe for many threads.
 *
 * <pre>{@code
 * record Order(boolean placed, boolean shipped) {
 *   static final Evolution<Order, OrderEvent> EVOLUTION =
 *       Evolution.of(new Order(false, false), Order::evolve);
 *
 *   Order evolve(OrderEvent event) { … }
 *
 *   List<OrderEvent> ship(Instant at) {
 *     return shipped ? List.of() : List.of(new Shipped(at));
 *   }
 * }
 * }</pre>
 *
 * @param <S> the state, immutable
 * @param <E> the events, most often a sealed interface
 */
public interface Evolution<S, E> {

  /**
   * The state of a stream without events.
   *
   * @return the state that the first event is applied to
   */
  S initial();

  /**
   * The state after one more event. It never refuses an event: what is stored has happened.
   *
   * @param state before the event
   * @param event what happened
   * @return the state after the event
   */
  S evolve(S state, E event);

  /**
   * An evolution from its two parts.
   *
   * @param initial the state of a stream without events
   * @param evolve the state after one more event
   * @param <S> the state, immutable
   * @param <E> the events
   * @return the evolution
   */
  static <S, E> Evolution<S, E> of(S initial, BiFunction<S, E, S> evolve) {
    return new Evolution<>() {
      @Override
      public S initial() {
        return initial;
      }

      @Override
      public S evolve(S state, E event) {
        return evolve.apply(state, event);
      }
    };
  }
}
