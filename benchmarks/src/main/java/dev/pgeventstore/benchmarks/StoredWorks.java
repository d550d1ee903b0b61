package dev.pgeventstore.benchmarks;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.ImportedEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;

/**
 * Appends to a store that holds many events. The limit is the store itself while it holds few
 * events. The names of streams are scattered, so that new streams go to random places of the
 * indexes.
 */
final class StoredWorks implements Works {

  private static final int WRITERS = 8;
  private static final int EVENTS_PER_STREAM = 10;
  private static final int PROGRESS = 1_000_000;

  /** The size of a row, its index entries, and its part of the write-ahead log. */
  private static final long BYTES_PER_EVENT = 600;

  private final Stage many;
  private final int events;
  private final Crew crew;
  private final Writers writersOfMany;
  private final Writers writersOfFew;

  StoredWorks(Stage many, Stage few, int events, Options options) throws Exception {
    this.many = many;
    this.events = events;
    this.crew = new Crew(WRITERS, options.seconds());
    this.writersOfMany = writers(many, events);
    this.writersOfFew = writers(few, events);
  }

  private static Writers writers(Stage stage, int events) throws Exception {
    AtomicLong number = new AtomicLong(events);
    return new Writers(stage, () -> scattered(number.getAndIncrement()));
  }

  /**
   * A stream with a scattered name. The number is multiplied by an odd number, so that no two names
   * are the same.
   */
  private static StreamId scattered(long number) {
    return StreamId.of("parcel", "%016x".formatted(number * 0x9E3779B97F4A7C15L));
  }

  /**
   * Whether the disk has room for that many events. Prints a message if not, or if the option is 0.
   */
  static boolean areWanted(String option, int events) throws IOException {
    if (events == 0) {
      System.out.println("skipped: appends to a store of many events (" + option + ")");
      return false;
    }
    long free = Files.getFileStore(Path.of(System.getProperty("java.io.tmpdir"))).getUsableSpace();
    long needed = events * BYTES_PER_EVENT + (2L << 30);
    if (needed > free) {
      System.out.printf(
          "!! skipped: %d events need about %d GiB of disk, and %d GiB are free (%s)%n",
          events, needed >> 30, free >> 30, option);
      return false;
    }
    return true;
  }

  @Override
  public void prepare() throws Exception {
    many.store()
        .importer()
        .onProgress(
            progress -> {
              if (progress.items() % PROGRESS == 0) {
                System.out.printf("stored %d of %d events%n", progress.items(), events);
              }
            })
        .run(
            LongStream.range(0, events)
                .mapToObj(
                    number ->
                        ImportedEvent.of(
                            scattered(number / EVENTS_PER_STREAM), Parcel.number(number))));
    many.analyze();
  }

  @Override
  public List<Work> all() {
    return List.of(
        Work.of(
            "append 1 event, %d writers, %d stored : few".formatted(WRITERS, events),
            () -> crew.run(thread -> writersOfMany.appender(1)).withLatencies("events", 1),
            () -> crew.run(thread -> writersOfFew.appender(1)).withLatencies("events", 1)));
  }
}
