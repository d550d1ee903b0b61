package dev.pgeventstore.examples.histories;

import dev.pgeventstore.codec.EventType;

/** What happens to an electricity meter. */
sealed interface MeterEvent {

  @EventType(name = "meter-installed")
  record Installed(String place) implements MeterEvent {}

  /** The use since the last reading. */
  @EventType(name = "meter-read")
  record Read(long wattHours) implements MeterEvent {}
}
