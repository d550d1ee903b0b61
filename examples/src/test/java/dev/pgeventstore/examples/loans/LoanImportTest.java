package dev.pgeventstore.examples.loans;

import static dev.pgeventstore.examples.logs.XesText.FOOT;
import static dev.pgeventstore.examples.logs.XesText.HEAD;
import static dev.pgeventstore.examples.logs.XesText.declined;
import static dev.pgeventstore.examples.logs.XesText.event;
import static dev.pgeventstore.examples.logs.XesText.log;
import static dev.pgeventstore.examples.logs.XesText.submitted;
import static dev.pgeventstore.examples.logs.XesText.trace;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.loans.LoanEvent.ApplicationDecided;
import dev.pgeventstore.examples.loans.LoanEvent.ApplicationSubmitted;
import dev.pgeventstore.examples.loans.LoanEvent.Outcome;
import dev.pgeventstore.examples.logs.ImportException;
import dev.pgeventstore.examples.logs.XesText;
import dev.pgeventstore.testkit.InMemoryEventStore;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Clock;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoanImportTest {

  private static final StreamId FIRST = StreamId.of("application", "1");
  private static final StreamId SECOND = StreamId.of("application", "2");

  @TempDir Path folder;

  private final InMemoryEventStore store =
      InMemoryEventStore.of(JacksonCodec.of(EventTypes.of(LoanEvent.class)));

  @Test
  void a_trace_becomes_a_stream_with_the_times_at_which_things_happened() throws Exception {
    importLog(trace("1", submitted(), declined()));

    assertThat(store.read(FIRST))
        .extracting(RecordedEvent::payload)
        .containsExactly(
            new ApplicationSubmitted(
                20_000, OffsetDateTime.parse("2011-10-01T00:38:44.546+02:00"), "112"),
            new ApplicationDecided(Outcome.DECLINED, "112"));
    assertThat(store.read(FIRST))
        .extracting(stored -> stored.metadata().occurredAt().orElseThrow())
        .containsExactly(
            Instant.parse("2011-09-30T22:38:44.546Z"), Instant.parse("2011-09-30T22:39:37.906Z"));
  }

  @Test
  void a_second_import_of_the_same_file_appends_nothing() throws Exception {
    importLog(trace("1", submitted()), trace("2", submitted(), declined()));
    Position before = store.highWaterMark();

    ImportProgress.Summary again =
        importLog(trace("1", submitted()), trace("2", submitted(), declined()));

    assertThat(store.highWaterMark()).isEqualTo(before);
    assertThat(again.appended()).isZero();
    assertThat(again.alreadyThere()).isEqualTo(3);
  }

  @Test
  void a_second_import_queries_the_store_once_and_appends_nothing_that_is_stored()
      throws Exception {
    String[] traces = traces(50);
    importLog(traces);
    FailingStore none = new FailingStore(store, 0);

    ImportProgress again = progress();
    new LoanImport(none, again).run(XesText.write(folder, log(traces)));

    assertThat(again.summary().alreadyThere()).isEqualTo(100);
    assertThat(none.appends).hasValue(0);
  }

  @Test
  void an_event_that_differs_in_the_middle_is_reported_although_the_last_is_the_same()
      throws Exception {
    String accepted = event("A_ACCEPTED", "COMPLETE", "2011-10-01T00:39:00+02:00");
    String other = event("A_PREACCEPTED", "COMPLETE", "2011-10-01T00:39:00+02:00");
    importLog(trace("1", submitted(), accepted, declined()));

    assertThatExceptionOfType(ImportException.class)
        .isThrownBy(() -> importLog(trace("1", submitted(), other, declined())))
        .withMessageContaining("as event 2, but the store has ");
  }

  @Test
  void an_event_without_a_time_or_a_trace_without_a_name_is_reported() {
    assertThatExceptionOfType(ImportException.class)
        .isThrownBy(
            () -> importLog(trace("1", submitted(), declined().replaceAll(".*timestamp.*\n", ""))))
        .withMessageEndingWith("trace 1 '1' does not say when its event 2 happened");
    assertThatExceptionOfType(ImportException.class)
        .isThrownBy(
            () ->
                importLog(
                    trace("x", submitted())
                        .replaceAll(".*key=\"concept:name\" value=\"x\".*\n", "")))
        .withMessageContaining("trace 1 has no name");
  }

  @Test
  void a_trace_that_became_longer_is_continued() throws Exception {
    importLog(trace("1", submitted()));

    ImportProgress.Summary longer = importLog(trace("1", submitted(), declined()));

    assertThat(longer.appended()).isEqualTo(1);
    assertThat(longer.alreadyThere()).isEqualTo(1);
    assertThat(store.read(FIRST)).extracting(RecordedEvent::version).containsExactly(1L, 2L);
    assertThat(importLog(trace("1", submitted(), declined())).alreadyThere()).isEqualTo(2);
  }

  @Test
  void an_older_file_with_a_shorter_trace_appends_nothing() throws Exception {
    importLog(trace("1", submitted(), declined()));

    assertThat(importLog(trace("1", submitted())).appended()).isZero();
    assertThat(store.read(FIRST)).hasSize(2);
  }

  @Test
  void a_stream_that_has_other_events_than_the_file_is_reported_with_both() throws Exception {
    importLog(trace("1", submitted(), declined()));
    String cancelled = event("A_CANCELLED", "COMPLETE", "2011-10-01T00:39:37.906+02:00");

    assertThatExceptionOfType(ImportException.class)
        .isThrownBy(() -> importLog(trace("1", submitted(), cancelled)))
        .withMessageContaining("log.xes, line 16: trace 1 '1' has ")
        .withMessageContaining("CANCELLED")
        .withMessageContaining("as event 2, but the store has ")
        .withMessageContaining("DECLINED");
    assertThat(store.read(FIRST)).hasSize(2);
  }

  @Test
  void an_event_at_another_time_is_another_event() throws Exception {
    importLog(trace("1", submitted(), declined()));
    String later = event("A_DECLINED", "COMPLETE", "2011-10-01T00:39:38+02:00");

    assertThatExceptionOfType(ImportException.class)
        .isThrownBy(() -> importLog(trace("1", submitted(), later)))
        .withMessageContaining("at 2011-09-30T22:39:38Z as event 2")
        .withMessageContaining("at 2011-09-30T22:39:37.906Z");
  }

  @Test
  void everything_before_a_damaged_place_is_appended_and_a_repaired_file_continues_from_there()
      throws Exception {
    String damaged = HEAD + trace("1", submitted()) + trace("2", submitted(), "<event>") + FOOT;

    assertThatExceptionOfType(ImportException.class)
        .isThrownBy(() -> importText(damaged))
        .withMessageContaining("in trace 2 '2'");
    assertThat(store.read(FIRST)).hasSize(1);
    assertThat(store.read(SECOND)).isEmpty();

    ImportProgress.Summary mended =
        importLog(trace("1", submitted()), trace("2", submitted(), declined()));
    assertThat(mended.alreadyThere()).isEqualTo(1);
    assertThat(mended.appended()).isEqualTo(2);
  }

  @Test
  void of_two_traces_with_one_name_the_first_is_appended() {
    assertThatExceptionOfType(ImportException.class)
        .isThrownBy(() -> importLog(trace("1", submitted()), trace("1", submitted(), declined())))
        .withMessageEndingWith("trace 2 '1' has the name of trace 1");
    assertThat(store.read(FIRST)).hasSize(1);
  }

  @Test
  void when_the_store_fails_the_import_stops_and_can_be_run_again() throws Exception {
    String[] traces = traces(500);
    FailingStore failing = new FailingStore(store, 100);
    Path file = XesText.write(folder, log(traces));

    assertThatThrownBy(() -> new LoanImport(failing, progress()).run(file))
        .isInstanceOf(EventStoreException.class)
        .hasMessage("the database is away");
    assertThat(failing.appends).hasValueLessThan(500);

    ImportProgress.Summary again = importLog(traces);
    assertThat(again.appended()).isEqualTo(800);
    assertThat(again.alreadyThere()).isEqualTo(200);
  }

  @Test
  void two_imports_at_the_same_time_append_each_event_once() throws Exception {
    Path file = XesText.write(folder, log(traces(500)));
    ImportProgress both = progress();

    CompletableFuture<Void> other =
        CompletableFuture.runAsync(
            () -> assertThatNoException().isThrownBy(() -> new LoanImport(store, both).run(file)));
    new LoanImport(store, both).run(file);
    other.get();

    assertThat(both.summary().appended()).isEqualTo(1_000);
    assertThat(both.summary().alreadyThere()).isEqualTo(1_000);
  }

  private static String[] traces(int count) {
    return IntStream.rangeClosed(1, count)
        .mapToObj(i -> trace(Integer.toString(i), submitted(), declined()))
        .toArray(String[]::new);
  }

  private ImportProgress.Summary importLog(String... traces)
      throws IOException, InterruptedException {
    return importText(log(traces));
  }

  private ImportProgress.Summary importText(String text) throws IOException, InterruptedException {
    ImportProgress progress = progress();
    new LoanImport(store, progress).run(XesText.write(folder, text));
    return progress.summary();
  }

  private static ImportProgress progress() {
    return new ImportProgress(line -> {}, Clock.systemUTC());
  }

  /** Appends for some time, and then fails. */
  private static final class FailingStore implements EventStore {

    private final EventStore store;
    private final int good;
    private final AtomicInteger appends = new AtomicInteger();

    private FailingStore(EventStore store, int good) {
      this.store = store;
      this.good = good;
    }

    @Override
    public AppendResult append(Append append) {
      if (appends.incrementAndGet() > good) {
        throw new EventStoreException("the database is away");
      }
      return store.append(append);
    }

    @Override
    public CompletableFuture<AppendResult> appendAsync(Append append) {
      return store.appendAsync(append);
    }

    @Override
    public List<RecordedEvent> read(StreamId stream, StreamRange range) {
      return store.read(stream, range);
    }

    @Override
    public Position highWaterMark() {
      return store.highWaterMark();
    }

    @Override
    public EventPage readPage(EventQuery query, Position after, int limit) {
      return store.readPage(query, after, limit);
    }

    @Override
    public EventStreams within(Connection connection) {
      return store.within(connection);
    }

    @Override
    public void close() {
      store.close();
    }

    @Override
    public <T> Optional<T> unwrap(Class<T> type) {
      return store.unwrap(type);
    }
  }
}
