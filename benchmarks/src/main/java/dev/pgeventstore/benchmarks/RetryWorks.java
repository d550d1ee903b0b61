package dev.pgeventstore.benchmarks;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ExpectedVersion;
import java.util.List;
import java.util.stream.IntStream;

/** Retries of large appends that were written. The limit is the first attempt. */
final class RetryWorks implements Works {

  private static final int EVENTS = 2_000;
  private static final int STREAMS = 500;

  private final Stage stage;

  RetryWorks(Stage stage) {
    this.stage = stage;
  }

  @Override
  public List<Work> all() {
    return List.of(
        Work.of(
            "retry %d events in 1 stream : first try".formatted(EVENTS),
            () -> measure(toOneStream(), EVENTS, true),
            () -> measure(toOneStream(), EVENTS, false)),
        Work.of(
            "retry %1$d events in %1$d streams : first try".formatted(STREAMS),
            () -> measure(toManyStreams(), STREAMS, true),
            () -> measure(toManyStreams(), STREAMS, false)));
  }

  private static List<Parcel> parcels(int from, int count) {
    return IntStream.range(from, from + count).mapToObj(Parcel::number).toList();
  }

  private Append toOneStream() {
    return Append.to(stage.newStream(), ExpectedVersion.noStream(), parcels(0, EVENTS));
  }

  private Append toManyStreams() {
    Append append = Append.to(stage.newStream(), ExpectedVersion.noStream(), parcels(0, 1));
    for (int i = 1; i < STREAMS; i++) {
      append = append.and(stage.newStream(), ExpectedVersion.noStream(), parcels(i, 1));
    }
    return append;
  }

  private Figures measure(Append append, int events, boolean again) {
    if (again) {
      stage.store().append(append);
    }
    long started = System.nanoTime();
    AppendResult result = stage.store().append(append);
    long nanos = System.nanoTime() - started;
    if (result.replayed() != again) {
      throw new IllegalStateException("not what was to be measured: " + result);
    }
    return Figures.perSecond("events", events, nanos);
  }
}
