package dev.pgeventstore.kafka;

/**
 * How a relay of a test publishes.
 *
 * @param delivery what it promises
 * @param lanes how many it has
 */
record Shape(Delivery delivery, int lanes) {

  static final Shape USUAL = new Shape(Delivery.EXACTLY_ONCE, 1);

  static Shape parse(String text) {
    String[] parts = text.split("/");
    return new Shape(Delivery.valueOf(parts[0]), Integer.parseInt(parts[1]));
  }

  @Override
  public String toString() {
    return delivery + "/" + lanes;
  }
}
