package dev.pgeventstore.examples.metrics;

import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;

/**
 * One metric with all its label values, in the text format of Prometheus. Safe for many threads.
 */
final class Metric {

  private final String name;
  private final String type;
  private final String help;
  private final Map<String, Double> values = new ConcurrentSkipListMap<>();

  private Metric(String name, String type, String help) {
    this.name = name;
    this.type = type;
    this.help = help;
  }

  static Metric counter(String name, String help) {
    return new Metric(name, "counter", help);
  }

  static Metric gauge(String name, String help) {
    return new Metric(name, "gauge", help);
  }

  void add(double amount, Labels labels) {
    values.merge(labels.text(), amount, Double::sum);
  }

  void set(double value, Labels labels) {
    values.put(labels.text(), value);
  }

  void remove(Labels labels) {
    values.remove(labels.text());
  }

  void writeTo(StringBuilder text) {
    text.append("# HELP %s %s\n# TYPE %s %s\n".formatted(name, help, name, type));
    values.forEach((labels, value) -> text.append(name + labels + ' ' + value + '\n'));
  }
}
