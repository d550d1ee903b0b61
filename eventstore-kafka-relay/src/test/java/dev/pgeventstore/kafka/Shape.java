package dev.pgeventstore.kafka;

import java.util.List;

/**
 * How a relay of a test publishes.
 *
 * @param delivery what it promises
 * @param lanes how many it has
 */
record Shape(Delivery delivery, int lanes) {

  static final Shape USUAL = new Shape(Delivery.EXACTLY_ONCE, 1);

  /** For tests of what holds whatever a relay promises, and however many lanes it has. */
  static List<Shape> all() {
    return List.of(
        USUAL,
        new Shape(Delivery.EXACTLY_ONCE, 3),
        new Shape(Delivery.AT_LEAST_ONCE, 1),
        new Shape(Delivery.AT_LEAST_ONCE, 2));
  }

  /** For tests of what transactions give. */
  static List<Shape> exactlyOnce() {
    return all().stream().filter(shape -> shape.delivery() == Delivery.EXACTLY_ONCE).toList();
  }

  /** Each delivery, and one lane and several, where all four would take long. */
  static List<Shape> two() {
    return List.of(USUAL, new Shape(Delivery.AT_LEAST_ONCE, 2));
  }

  static Shape parse(String text) {
    String[] parts = text.split("/");
    return new Shape(Delivery.valueOf(parts[0]), Integer.parseInt(parts[1]));
  }

  @Override
  public String toString() {
    return delivery + "/" + lanes;
  }
}
