package dev.pgeventstore.examples.histories;

import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.codec.SnapshotCodec;
import dev.pgeventstore.codec.jackson.JacksonSnapshots;
import dev.pgeventstore.examples.histories.MeterEvent.Installed;
import dev.pgeventstore.examples.histories.MeterEvent.Read;
import java.util.List;

/**
 * An electricity meter: its state is small even if its history is long.
 *
 * @param readings the number of readings
 * @param wattHours the watt-hours used since the meter was installed
 * @param most the largest reading
 */
record Meter(long readings, long wattHours, long most) {

  static final Evolution<Meter, MeterEvent> EVOLUTION =
      Evolution.of(new Meter(0, 0, 0), Meter::after);

  /** Snapshots of the first revision lack the largest reading. */
  static final SnapshotCodec<Meter> SNAPSHOTS = JacksonSnapshots.of(Meter.class, "meter", 2);

  Meter after(MeterEvent event) {
    if (event instanceof Read read) {
      return new Meter(
          readings + 1, wattHours + read.wattHours(), Math.max(most, read.wattHours()));
    }
    return this;
  }

  List<MeterEvent> install(String place) {
    return readings > 0 ? List.of() : List.of(new Installed(place));
  }

  List<MeterEvent> read(long used) {
    return List.of(new Read(used));
  }
}
