package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.ParkedEvent;
import dev.pgeventstore.subscription.ParkedEvents;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Events that the handler cannot handle, and what happens to the others. */
@ExtendWith(PostgresExtension.class)
@Order(1)
class PoisonedSubscriptionTest {

  private static final Duration PATIENCE = LedgerScene.PATIENCE;
  private static final NodeSettings ONE = NodeSettings.of("one").thatParksAfter(2);
  private static final NodeSettings TWO = ONE.named("two");

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void poison_first_last_and_in_a_whole_stream_is_parked_and_other_streams_continue(
      int partitions, Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      scene.append("first", Ledger.POISON);
      for (int i = 0; i < 4; i++) {
        scene.append("first");
        scene.append("whole", Ledger.POISON);
        scene.appendMany(15, 5);
      }
      AppendResult last = scene.append("last", Ledger.POISON);

      LocalNode one = scene.local(ONE.withPartitions(partitions));
      scene.awaitHandled(last);
      scene.check(partitions);
      ParkedEvents parked = one.subscription.parked();
      assertThat(parked.count()).isEqualTo(5 + 4 + 1);
      assertThat(one.subscription.status().parked()).isEqualTo(10);
      assertThat(parked.list(100))
          .hasSize(10)
          .isSortedAccordingTo(java.util.Comparator.comparing(ParkedEvent::position))
          .filteredOn(event -> event.attempts() > 0)
          .extracting(e -> e.stream().key(), ParkedEvent::version, ParkedEvent::attempts)
          .containsExactly(tuple("first", 1L, 2), tuple("whole", 1L, 2), tuple("last", 1L, 2));
      assertThat(parked.list(3)).isEqualTo(parked.list(100).subList(0, 3));
      assertThat(parked.list(1).get(0).error().orElseThrow()).contains("poison");
      assertThat(one.lines("PARKED")).hasSize(10);
      assertThat(one.subscription.status().state()).isEqualTo(State.RUNNING);

      // Without the antidote the replay fails, too.
      ParkedEvents.Replay inVain = parked.replay();
      assertThat(inVain.handled()).isZero();
      assertThat(inVain.failed())
          .extracting(e -> e.stream().key())
          .containsExactlyInAnyOrder("first", "whole", "last");
      assertThat(parked.count()).isEqualTo(10);

      Ledger.cure(database, "*");
      assertThat(one.replay()).isEqualTo("10 0");
      assertThat(parked.count()).isZero();
      scene.check(partitions);
      // The streams continue.
      scene.awaitHandled(scene.append("whole"));
      assertThat(parked.count()).isZero();
      scene.check(partitions);
    }
  }

  @Test
  void one_stream_is_replayed_up_to_the_first_failure(Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LocalNode one = scene.local(ONE);
      scene.append("a", Ledger.POISON);
      scene.append("b", Ledger.POISON);
      scene.append("b");
      scene.awaitHandled(scene.append("a"));
      Ledger.cure(database, Ledger.CATEGORY + "-b");
      assertThat(one.replay()).isEqualTo("2 1");
      assertThat(one.subscription.parked().list(10))
          .extracting(e -> e.stream().key())
          .containsExactly("a", "a");
      scene.check(1);
    }
  }

  @Test
  void a_discarded_event_is_recorded_and_the_events_after_it_are_handled(Database database)
      throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LocalNode one = scene.local(ONE);
      AppendResult poison = scene.append("a", Ledger.POISON);
      scene.append("a");
      scene.append("b");
      scene.awaitHandled(scene.append("a"));
      ParkedEvents parked = one.subscription.parked();
      assertThat(parked.count()).isEqualTo(3);

      assertThat(parked.discard(poison.position(), "tried everything")).isTrue();
      assertThat(parked.discard(poison.position(), "again")).isFalse();
      assertThat(parked.count()).isEqualTo(2);
      assertThat(
              scene.store.query(
                  """
                  select format('%s %s %s %s %s', position, stream_id, version, reason,
                                by = session_user and at <= clock_timestamp() and error like '%poison%')
                    from eventstore.discarded_events
                  """))
          .isEqualTo("%s %s 1 tried everything t".formatted(poison.position(), "wanted-a"));
      scene.check(1);

      assertThat(one.replay()).isEqualTo("2 0");
      scene.check(1);
      scene.awaitHandled(scene.append("a"));
      scene.check(1);
    }
  }

  @Test
  void a_stream_continues_after_all_its_parked_events_were_discarded(Database database)
      throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LocalNode one = scene.local(ONE);
      AppendResult poison = scene.append("a", Ledger.POISON);
      scene.awaitHandled(poison);
      assertThat(one.subscription.parked().discard(poison.position(), "no more of it")).isTrue();
      scene.awaitHandled(scene.append("a"));
      assertThat(one.subscription.parked().count()).isZero();
      assertThat(scene.handledBy("one")).isEqualTo(1);
      scene.check(1);
    }
  }

  /**
   * The moment at which a stream ceases to be parked: an event that comes just then must neither
   * stay behind, nor overtake the others, nor come twice.
   */
  @Tag("faults")
  @Test
  void streams_that_are_replayed_by_two_nodes_while_they_grow_keep_their_order(Database database)
      throws Exception {
    ExecutorService replayers = Executors.newFixedThreadPool(2);
    try (LedgerScene scene = LedgerScene.of(database)) {
      LocalNode one = scene.local(ONE.withPartitions(2).withBatch(3));
      LocalNode two = scene.local(TWO.withPartitions(2).withBatch(5));
      LedgerScene.Load load = scene.load(6);
      for (int round = 0; round < 4; round++) {
        AppendResult poison = null;
        for (int stream = 0; stream < 6; stream++) {
          // A stream that was cured stays cured, so each round has its own streams.
          String key = "r" + round + "-" + stream;
          poison = scene.append(key, Ledger.POISON);
        }
        LedgerScene.Load growth = scene.load(6, "r" + round + "-");
        // One that is handled only after the antidotes are gone would stay parked.
        scene.awaitHandled(poison);
        await().atMost(PATIENCE).until(() -> scene.parked() > 12);
        Ledger.cure(database, "*");
        List<Future<?>> replays = new ArrayList<>();
        for (LocalNode node : List.of(one, two)) {
          replays.add(
              replayers.submit(
                  () -> {
                    while (node.subscription.parked().count() > 0) {
                      node.replay();
                    }
                  }));
        }
        for (Future<?> replay : replays) {
          replay.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
        growth.stop();
        scene.store.execute("delete from public.antidotes");
      }
      scene.awaitHandled(load.stop());
      scene.awaitHandled(scene.append("end"));
      assertThat(scene.parked()).isZero();
      assertThat(one.lines("STOPPED")).isEmpty();
      assertThat(two.lines("STOPPED")).isEmpty();
      scene.check(2);
    } finally {
      replayers.shutdownNow();
    }
  }

  @Test
  void an_event_that_fails_now_and_then_is_not_parked(Database database) throws Exception {
    try (LedgerScene scene = LedgerScene.of(database)) {
      LocalNode one = scene.local(ONE.withPartitions(2));
      AppendResult last = null;
      for (int i = 0; i < 10; i++) {
        scene.appendMany(5, 5);
        last = scene.append("s" + i % 5, Ledger.FLAKY);
      }
      scene.awaitHandled(last);
      assertThat(one.lines("FAILED")).isNotEmpty();
      assertThat(scene.parked()).isZero();
      scene.check(2);
    }
  }

  @Tag("faults")
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void repeated_failures_of_the_database_do_not_count_as_attempts(boolean parks, Database database)
      throws Exception {
    NodeSettings how = parks ? ONE.thatParksAfter(2) : ONE.thatStopsAfter(2);
    try (LedgerScene scene = LedgerScene.of(database)) {
      scene.appendMany(5, 3);
      // Because of this one the batch is handled again event by event.
      scene.append("s1", Ledger.FLAKY);
      scene.append("s2", Ledger.UNLUCKY);
      AppendResult last = scene.appendMany(5, 3);
      LocalNode one = scene.local(how);
      scene.awaitHandled(last);
      assertThat(scene.parked()).isZero();
      assertThat(one.subscription.status().state()).isEqualTo(State.RUNNING);
      scene.check(1);
    }
  }

  @Tag("faults")
  @Test
  void an_event_that_kills_every_process_is_parked_and_the_rest_is_handled(Database database)
      throws Exception {
    NodeSettings how = ONE.thatParksAfter(1);
    try (LedgerScene scene = LedgerScene.of(database)) {
      scene.appendMany(10, 5);
      AppendResult deadly = scene.append("s1", Ledger.DEADLY);
      AppendResult last = scene.appendMany(20, 5);
      assertThat(deathsUntilHandled(scene, how, last)).isGreaterThanOrEqualTo(2);
      scene.check(1);
      LocalNode survivor = scene.local(how.named("survivor"));
      assertThat(survivor.subscription.parked().list(1).get(0).position())
          .isEqualTo(deadly.position());
      assertThat(survivor.subscription.parked().count()).isEqualTo(5);

      Ledger.cure(database, "*");
      assertThat(survivor.replay()).isEqualTo("5 0");
      scene.check(1);
    }
  }

  @Tag("faults")
  @Test
  void an_event_that_was_being_handled_when_another_one_killed_the_process_is_not_parked(
      Database database) throws Exception {
    NodeSettings how = ONE.thatParksAfter(2).withPartitions(2);
    try (LedgerScene scene = LedgerScene.of(database)) {
      scene.append(keyIn(0), Ledger.DEADLY);
      AppendResult last = scene.append(keyIn(1), Ledger.SLOW);
      deathsUntilHandled(scene, how, last);
      scene.check(2);
      assertThat(scene.parked()).isEqualTo(1);
    }
  }

  private static String keyIn(int partition) {
    return IntStream.range(0, 100)
        .mapToObj(Integer::toString)
        .filter(key -> Partitions.of(StreamId.of(Ledger.CATEGORY, key), 2) == partition)
        .findFirst()
        .orElseThrow();
  }

  /** Starts process after process until all is done. */
  private static int deathsUntilHandled(LedgerScene scene, NodeSettings how, AppendResult last)
      throws SQLException {
    int deaths = 0;
    while (scene.position().value() < last.position().value()) {
      assertThat(deaths).as("processes that it has killed").isLessThan(6);
      SubscriptionNode node = scene.process(how.named("node-" + deaths));
      await()
          .atMost(PATIENCE)
          .until(() -> !node.isRunning() || scene.position().value() >= last.position().value());
      deaths += node.isRunning() ? 0 : 1;
    }
    System.out.println("parked after " + deaths + " deaths");
    return deaths;
  }

  @Test
  void without_parking_all_nodes_report_the_failure_until_the_subscription_is_started_again(
      Database database) throws Exception {
    NodeSettings stops = ONE.thatStopsAfter(1).withPartitions(3);
    try (LedgerScene scene = LedgerScene.of(database)) {
      scene.appendMany(30, 10);
      LocalNode one = scene.local(stops);
      LocalNode two = scene.local(stops.named("two"));
      SubscriptionNode three = scene.process(stops.named("three")).awaitStarted();
      scene.append("s1", Ledger.POISON);
      AppendResult last = scene.appendMany(30, 10);
      for (LocalNode node : List.of(one, two)) {
        await()
            .atMost(PATIENCE)
            .untilAsserted(
                () -> {
                  SubscriptionStatus status = node.subscription.status();
                  assertThat(status.state()).isEqualTo(State.FAILED);
                  assertThat(status.isHealthy()).isFalse();
                  assertThat(status.error().orElseThrow()).hasMessageContaining("poison");
                });
      }
      await()
          .atMost(PATIENCE)
          .untilAsserted(
              () ->
                  assertThat(three.status())
                      .containsEntry("state", "FAILED")
                      .containsEntry("healthy", "false"));
      assertThat(scene.parked()).isZero();
      assertThat(
              scene.store.query(
                  "select count(*) from public.handled h join eventstore.events e"
                      + " using (position) where e.type = 'poison' or (e.stream_id = 'wanted-s1'"
                      + " and e.version > (select version from eventstore.events where type ="
                      + " 'poison'))"))
          .as("handled from the poison on")
          .isEqualTo("0");

      // Another node does not help.
      three.closeOrderly();
      assertThat(one.subscription.status().state()).isEqualTo(State.FAILED);

      Ledger.cure(database, "*");
      one.close();
      LocalNode again = scene.local(stops.named("again"));
      scene.awaitHandled(last);
      await().atMost(PATIENCE).until(() -> again.subscription.status().state() == State.RUNNING);
      scene.check(3);
    }
  }
}
