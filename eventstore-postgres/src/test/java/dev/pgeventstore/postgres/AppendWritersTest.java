package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.exactly;
import static dev.pgeventstore.ExpectedVersion.noStream;
import static dev.pgeventstore.ExpectedVersion.streamExists;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.AppendHistory.Stored;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntFunction;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Many concurrent writers of one stream: which one succeeds, and what the others get. */
@ExtendWith(PostgresExtension.class)
class AppendWritersTest {

  private static final int WRITERS = 24;
  private static final int ROUNDS = 5;
  private static final StreamId OTHER = StreamId.of("other", "1");

  private TestStore store;
  private AppendHistory history;

  private void open(Database database, Appending appending) {
    store = new TestStore(database, 20, appending::apply);
    history = new AppendHistory(appending.isGrouped());
  }

  @AfterEach
  void close() {
    store.close();
  }

  private static List<NewEvent> events(int count) {
    return Stream.generate(() -> TestStore.event("e")).limit(count).toList();
  }

  private static StreamId stream(int number) {
    return StreamId.of("raced", "" + number);
  }

  /** The outcome of each writer: a result or a conflict. */
  private List<Object> race(IntFunction<Append> appends) throws Exception {
    return Crowd.doAtOnce(
        WRITERS,
        writer -> {
          try {
            return history.append(store.store, appends.apply(writer));
          } catch (ConflictException e) {
            return e;
          }
        });
  }

  private static List<AppendResult> winners(List<Object> told) {
    return told.stream()
        .filter(AppendResult.class::isInstance)
        .map(AppendResult.class::cast)
        .toList();
  }

  private static List<ConflictException> losers(List<Object> told) {
    return told.stream()
        .filter(ConflictException.class::isInstance)
        .map(ConflictException.class::cast)
        .toList();
  }

  /** Nothing else has written, so a hole is a position that a conflict has used up. */
  private void checkThatNoPositionIsBurnt() throws Exception {
    history.check(store.database, "in the end");
    List<Stored> stored = AppendHistory.stored(store.database);
    assertThat(stored)
        .extracting(Stored::position)
        .containsExactlyElementsOf(LongStream.rangeClosed(1, stored.size()).boxed().toList());
  }

  @ParameterizedTest
  @EnumSource
  void of_many_writers_that_decided_on_one_version_one_succeeds(
      Appending appending, Database database) throws Exception {
    open(database, appending);
    for (int round = 0; round < ROUNDS; round++) {
      long version = round * 2L;
      List<Object> told = race(w -> Append.to(stream(0), exactly(version), events(2)));
      assertThat(winners(told)).hasSize(1);
      assertThat(losers(told))
          .hasSize(WRITERS - 1)
          .extracting(conflict -> conflict.streams().get(0).actual())
          .containsOnly(version + 2);
    }
    checkThatNoPositionIsBurnt();
  }

  @ParameterizedTest
  @EnumSource
  void of_many_writers_that_start_a_stream_one_succeeds(Appending appending, Database database)
      throws Exception {
    open(database, appending);
    for (int round = 0; round < ROUNDS; round++) {
      StreamId stream = stream(round);
      List<Object> told = race(w -> Append.to(stream, noStream(), events(1 + w % 3)));
      assertThat(winners(told)).hasSize(1);
      assertThat(losers(told))
          .hasSize(WRITERS - 1)
          .extracting(conflict -> conflict.streams().get(0).actual())
          .containsOnly(winners(told).get(0).version());
    }
    checkThatNoPositionIsBurnt();
  }

  @ParameterizedTest
  @EnumSource
  void writers_that_expect_a_stream_to_exist_succeed_once_it_does(
      Appending appending, Database database) throws Exception {
    open(database, appending);
    for (int round = 0; round < ROUNDS; round++) {
      StreamId stream = stream(round);
      List<Object> told =
          race(
              w ->
                  Append.to(
                      stream,
                      w == 7 ? noStream() : streamExists(),
                      w % 2 == 0 ? events(1) : List.of(TestStore.raw("e"))));
      assertThat(told.get(7)).isInstanceOf(AppendResult.class);
      assertThat(losers(told))
          .allSatisfy(conflict -> assertThat(conflict.streams().get(0).actual()).isZero());
      assertThat(store.store.read(stream)).hasSameSizeAs(winners(told));
    }
    checkThatNoPositionIsBurnt();
  }

  @ParameterizedTest
  @EnumSource
  void all_writers_that_expect_any_version_succeed(Appending appending, Database database)
      throws Exception {
    open(database, appending);
    for (int round = 0; round < ROUNDS; round++) {
      boolean known = round % 2 == 0;
      List<Object> told =
          race(
              w ->
                  Append.to(
                      stream(0),
                      any(),
                      known ? events(2) : List.of(TestStore.raw("e"), TestStore.raw("f"))));
      assertThat(winners(told)).hasSize(WRITERS).noneMatch(AppendResult::replayed);
    }
    assertThat(store.store.read(stream(0))).hasSize(ROUNDS * WRITERS * 2);
    checkThatNoPositionIsBurnt();
  }

  @ParameterizedTest
  @EnumSource
  void a_checked_stream_changes_only_before_or_after_the_append_that_checks_it(
      Appending appending, Database database) throws Exception {
    open(database, appending);
    for (int round = 0; round < ROUNDS; round++) {
      int version = round;
      List<Object> told =
          race(
              w ->
                  w == 3
                      ? Append.to(OTHER, exactly(version), events(1))
                      : Append.to(stream(w), any(), events(1)).check(OTHER, exactly(version)));
      assertThat(told.get(3)).isInstanceOf(AppendResult.class);
      assertThat(losers(told))
          .allSatisfy(
              conflict ->
                  assertThat(conflict.of(OTHER).orElseThrow().actual()).isEqualTo(version + 1));
    }
    // The history shows that each append is at a place where its checks were true.
    checkThatNoPositionIsBurnt();
  }

  @ParameterizedTest
  @EnumSource
  void of_writers_that_check_the_streams_of_the_others_one_succeeds(
      Appending appending, Database database) throws Exception {
    open(database, appending);
    for (int round = 0; round < ROUNDS; round++) {
      StreamId a = StreamId.of("a", "" + round);
      StreamId b = StreamId.of("b", "" + round);
      ExpectedVersion none = noStream();
      List<Object> told =
          race(
              w ->
                  w % 2 == 0
                      ? Append.to(a, any(), events(1)).check(b, none)
                      : Append.to(b, any(), events(1)).check(a, none));
      // Either only those won that write a, or only those that write b.
      long versions = store.store.read(a).size();
      long others = store.store.read(b).size();
      assertThat(Math.min(versions, others)).isZero();
      assertThat(winners(told)).hasSize(WRITERS / 2);
      assertThat(versions + others).isEqualTo(WRITERS / 2);
    }
    checkThatNoPositionIsBurnt();
  }

  @ParameterizedTest
  @EnumSource
  void one_winner_over_several_streams_takes_all_of_them(Appending appending, Database database)
      throws Exception {
    open(database, appending);
    for (int round = 0; round < ROUNDS; round++) {
      StreamId a = StreamId.of("a", "" + round);
      StreamId b = StreamId.of("b", "" + round);
      StreamId c = StreamId.of("c", "" + round);
      List<Object> told =
          race(
              w ->
                  w % 3 == 0
                      ? Append.to(a, noStream(), events(1)).and(b, noStream(), events(1))
                      : w % 3 == 1
                          ? Append.to(b, noStream(), events(1)).and(c, noStream(), events(1))
                          : Append.to(c, noStream(), events(1)).and(a, noStream(), events(1)));
      // Any two of them have a stream in common.
      assertThat(winners(told)).hasSize(1);
    }
    checkThatNoPositionIsBurnt();
  }

  @ParameterizedTest
  @EnumSource
  void every_kind_of_expectation_at_once_on_one_stream(Appending appending, Database database)
      throws Exception {
    open(database, appending);
    for (int round = 0; round < ROUNDS; round++) {
      long version = store.store.read(stream(0)).size();
      race(
          w ->
              Append.to(
                  stream(0),
                  switch (w % 6) {
                    case 0 -> any();
                    case 1 -> streamExists();
                    case 2 -> noStream();
                    case 3 -> exactly(version + 1);
                    case 4 -> exactly(version + 2);
                    default -> exactly(version);
                  },
                  w % 4 == 0 ? List.of(TestStore.raw("e")) : events(1)));
    }
    checkThatNoPositionIsBurnt();
  }

  @ParameterizedTest
  @EnumSource
  void of_many_writers_of_the_same_append_one_writes_and_all_get_its_result(
      Appending appending, Database database) throws Exception {
    open(database, appending);
    for (int round = 0; round < ROUNDS; round++) {
      StreamId stream = stream(round);
      StreamId second = StreamId.of("second", "" + round);
      Append append =
          switch (round % 4) {
            case 0 -> Append.to(stream, any(), events(2));
            case 1 -> Append.to(stream, noStream(), events(2));
            case 2 -> Append.to(stream, any(), events(1)).and(second, any(), events(2));
            default -> Append.to(stream, noStream(), events(1)).check(second, noStream());
          };
      List<Object> told = race(w -> append);
      assertThat(winners(told)).hasSize(WRITERS);
      assertThat(winners(told)).filteredOn(result -> !result.replayed()).hasSize(1);
    }
    checkThatNoPositionIsBurnt();
  }

  @ParameterizedTest
  @EnumSource
  void deciding_again_after_each_conflict_loses_no_update(Appending appending, Database database)
      throws Exception {
    open(database, appending);
    int each = 10;
    AtomicInteger conflicts = new AtomicInteger();
    Crowd.doAtOnce(
        8,
        writer -> {
          for (int i = 0; i < each; i++) {
            boolean done = false;
            while (!done) {
              long version = store.store.read(stream(0)).size();
              try {
                history.append(store.store, Append.to(stream(0), exactly(version), events(1)));
                done = true;
              } catch (ConflictException e) {
                assertThat(e.streams().get(0).actual()).isGreaterThan(version);
                conflicts.incrementAndGet();
              }
            }
          }
          return null;
        });
    assertThat(store.store.read(stream(0))).hasSize(8 * each);
    assertThat(conflicts).hasPositiveValue();
    checkThatNoPositionIsBurnt();
  }
}
