package dev.pgeventstore.examples.metrics;

/**
 * The labels that distinguish the values of a metric.
 *
 * @param text the text between the metric's name and its value
 */
record Labels(String text) {

  static Labels of(String subscription) {
    return new Labels("{subscription=\"%s\"}".formatted(escaped(subscription)));
  }

  static Labels of(String subscription, int partition) {
    return new Labels(
        "{subscription=\"%s\",partition=\"%d\"}".formatted(escaped(subscription), partition));
  }

  private static String escaped(String value) {
    return value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
  }
}
