package dev.pgeventstore.examples.capture;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Checks the events that a reader gets: is anything missing, repeated, or in the wrong order? */
final class Audit {

  private final Map<StreamId, Long> versions = new HashMap<>();
  private final Set<String> measured = new HashSet<>();
  private long events;
  private long flaws;
  private long position;

  synchronized void look(List<RecordedEvent> some) {
    for (RecordedEvent event : some) {
      long before = versions.getOrDefault(event.stream(), 0L);
      if (event.version() != before + 1 || event.position().value() <= position) {
        flaws++;
      }
      versions.put(event.stream(), event.version());
      position = event.position().value();
      Measured what = (Measured) event.payload();
      measured.add(what.process() + "." + what.number());
      events++;
    }
  }

  synchronized Findings findings() {
    return new Findings(events, measured.size(), flaws, Map.copyOf(versions));
  }

  /**
   * The results of the check.
   *
   * @param events the number of events that were read
   * @param appends the number of appends that these events came from
   * @param flaws the number of events in the wrong place
   * @param versions the version of the last event of each stream
   */
  record Findings(long events, long appends, long flaws, Map<StreamId, Long> versions) {}
}
