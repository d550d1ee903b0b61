package dev.pgeventstore.examples.flaky;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Has the tax rates of some countries. Sometimes it is closed, and does not answer. */
final class TaxOffice {

  private final Map<String, Integer> percent = new ConcurrentHashMap<>(Map.of("DE", 19, "FR", 20));
  private int calls;

  long tax(String country, long cents) throws IOException {
    Integer rate = percent.get(country);
    if (rate == null) {
      throw new IllegalArgumentException("no rate for country " + country);
    }
    if (cents < 0) {
      throw new IllegalArgumentException("no tax on " + cents);
    }
    synchronized (this) {
      if (++calls % 10 == 0) {
        throw new IOException("no answer from the tax office");
      }
    }
    return cents * rate / 100;
  }

  /** Adds a rate, and opens the office. */
  synchronized void learn(String country, int rate) {
    percent.put(country, rate);
    calls = 0;
  }
}
