package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.OutboxTable;
import dev.pgeventstore.postgres.internal.tables.OutboxTable.LaneOf;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.EventFeed.Durability;
import dev.pgeventstore.spi.FeedReader;
import dev.pgeventstore.spi.RecordedMessage;
import dev.pgeventstore.subscription.Partitions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Messages in a database: transactions, the global order, lanes, pages and deletions. */
@ExtendWith(PostgresExtension.class)
class OutboxTest {

  private static final String RELAY = "relay";
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private TestStore store;
  private EventFeed feed;

  @BeforeEach
  void open(Database database) {
    store = new TestStore(database);
    feed = store.store.unwrap(EventFeed.class).orElseThrow();
  }

  @AfterEach
  void close() {
    store.close();
  }

  private static OutboxMessage message(String key) {
    return OutboxMessage.to(RELAY, "topic").key(key);
  }

  private static List<OutboxMessage> messages(int count, byte[] value) {
    return IntStream.range(0, count).mapToObj(i -> message("" + i).value(value)).toList();
  }

  private static Append append(String stream) {
    return Append.to(
        StreamId.parse(stream), ExpectedVersion.any(), List.of(TestStore.raw("happened")));
  }

  private List<String> settled() {
    return keys(feed.messages(RELAY, 0, 1, Position.START, feed.highWaterMark(), 1_000));
  }

  private static List<String> keys(List<RecordedMessage> messages) {
    return messages.stream()
        .map(m -> new String(m.message().key().orElseThrow(), StandardCharsets.UTF_8))
        .toList();
  }

  @Test
  void messages_commit_and_roll_back_with_the_callers_transaction() throws SQLException {
    try (Connection connection = store.begin()) {
      store.store.within(connection).append(append("order-1").message(message("a")));
      Outbox.of(store.store.within(connection)).publish(List.of(message("b")));
      connection.rollback();
      assertThat(settled()).isEmpty();

      store.store.within(connection).append(append("order-1").message(message("c")));
      Outbox.of(store.store.within(connection)).publish(List.of(message("d")));
      assertThatThrownBy(
              () ->
                  store
                      .store
                      .within(connection)
                      .append(
                          Append.to(
                                  StreamId.parse("order-1"),
                                  ExpectedVersion.noStream(),
                                  List.of(TestStore.raw("happened")))
                              .message(message("e"))))
          .isInstanceOf(ConflictException.class);
      connection.commit();
    }
    assertThat(settled()).containsExactly("c", "d");
  }

  @Test
  void a_message_whose_transaction_is_still_open_holds_all_later_ones_back() throws SQLException {
    Outbox.of(store.store).publish(List.of(message("1")));
    assertThat(settled()).containsExactly("1");
    try (Connection slow = store.begin()) {
      Outbox.of(store.store.within(slow)).publish(List.of(message("2")));
      Outbox.of(store.store).publish(List.of(message("3")));
      store.append("order-1");

      assertThat(settled()).containsExactly("1");
      assertThat(store.settled()).isEmpty();
      assertThat(feed.blockers(Duration.ZERO)).hasSize(1);

      slow.commit();
    }
    assertThat(settled()).containsExactly("1", "2", "3");
    assertThat(store.settled()).containsExactly("order-1");
  }

  @Test
  void a_prepared_message_holds_later_ones_back_and_a_rolled_back_one_does_not()
      throws SQLException {
    try (Connection slow = store.begin()) {
      Outbox.of(store.store.within(slow)).publish(List.of(message("1")));
      TestStore.execute(slow, "prepare transaction 'messages'");
    }
    Outbox.of(store.store).publish(List.of(message("2")));
    assertThat(settled()).isEmpty();

    store.execute("rollback prepared 'messages'");
    assertThat(settled()).containsExactly("2");
  }

  @Test
  void a_lost_response_is_reported_and_an_append_can_be_retried() throws Exception {
    Append append =
        Append.to(
                StreamId.parse("order-1"),
                ExpectedVersion.any(),
                List.of(TestStore.event("happened")))
            .message(message("1"));
    assertThatThrownBy(() -> whileItWaitsItsConnectionIsCut(() -> store.store.append(append)))
        .isInstanceOf(OutcomeUnknownException.class)
        .hasMessageContaining("Send the same append again");
    assertThatThrownBy(
            () ->
                whileItWaitsItsConnectionIsCut(
                    () -> Outbox.of(store.store).publish(List.of(message("2")))))
        .isInstanceOf(OutcomeUnknownException.class)
        .hasMessageContaining("may publish them twice");

    assertThat(store.store.append(append).replayed()).isFalse();
    assertThat(store.store.append(append).replayed()).isTrue();
    assertThat(settled()).containsExactly("1");
    assertThat(store.settled()).containsExactly("order-1");
  }

  private void whileItWaitsItsConnectionIsCut(Callable<?> write) throws Throwable {
    ExecutorService writing = Executors.newSingleThreadExecutor();
    try (Connection stranger = store.begin()) {
      TestStore.execute(stranger, "lock table eventstore.outbox in exclusive mode");
      Future<?> waiting = writing.submit(write);
      await()
          .atMost(PATIENCE)
          .until(
              () ->
                  store
                      .query(
                          "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                              + " where wait_event_type = 'Lock' and datname = current_database()")
                      .equals("1"));
      waiting.get(30, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw e.getCause();
    } finally {
      writing.shutdownNow();
    }
  }

  @Test
  void the_mark_passes_messages_that_are_deleted_and_never_goes_back() throws SQLException {
    store.append("order-1");
    Position last = Outbox.of(store.store).publish(messages(5, new byte[1]));
    assertThat(feed.highWaterMark()).isEqualTo(last);
    feed.deleteMessages(RELAY, 0, 1, last);
    assertThat(store.query("select count(*) from eventstore.outbox")).isEqualTo("0");

    assertThat(feed.highWaterMark()).isEqualTo(last);
    // This one has observed nothing before, like a process that starts now.
    try (TestStore fresh = new TestStore(store.database)) {
      assertThat(fresh.store.highWaterMark()).isEqualTo(last);
      EventPage page = fresh.store.readPage(last, 10);
      assertThat(page.events()).isEmpty();
      assertThat(page.isLast()).isTrue();
      assertThat(
              fresh
                  .store
                  .unwrap(EventFeed.class)
                  .orElseThrow()
                  .messages(RELAY, 0, 1, last, last, 10))
          .isEmpty();
    }
    assertThat(store.append("order-1").position()).isGreaterThan(last);
  }

  @Test
  void deleting_messages_holds_nothing_back() throws SQLException {
    Outbox.of(store.store).publish(List.of(message("1")));
    feed.highWaterMark();
    try (Connection deleting = store.begin()) {
      TestStore.execute(deleting, "delete from eventstore.outbox");
      store.append("order-1");

      assertThat(store.settled()).containsExactly("order-1");
      assertThat(feed.blockers(Duration.ZERO)).isEmpty();
      deleting.rollback();
    }
  }

  @Test
  void messages_without_events_wake_a_waiting_reader() throws Exception {
    ExecutorService reading = Executors.newSingleThreadExecutor();
    try (TestStore patient =
            new TestStore(store.database, 10, b -> b.pollInterval(Duration.ofMinutes(5)));
        FeedReader reader =
            patient
                .store
                .unwrap(EventFeed.class)
                .orElseThrow()
                .open(EventQuery.all(), Position.START, Durability.FLUSHED)) {
      for (int i = 1; i <= 20; i++) {
        Future<EventPage> page = reading.submit(() -> reader.next(10, Duration.ofMinutes(4)));
        Position published = Outbox.of(patient.store).publish(List.of(message("" + i)));
        assertThat(page.get(60, TimeUnit.SECONDS).upTo()).isEqualTo(published);
      }
    } finally {
      reading.shutdownNow();
    }
  }

  @Test
  void a_messages_lane_is_that_of_a_stream_of_its_keys_name() {
    List<StreamId> streams =
        IntStream.range(0, 50).mapToObj(i -> StreamId.of("größe", "" + i)).toList();
    Outbox.of(store.store).publish(streams.stream().map(s -> message(s.toString())).toList());
    OutboxMessage keyless = OutboxMessage.to(RELAY, "shipments-1");
    Outbox.of(store.store).publish(List.of(keyless));
    Position mark = feed.highWaterMark();
    for (int lanes : new int[] {1, 2, 3, 7}) {
      for (int lane = 0; lane < lanes; lane++) {
        int number = lane;
        List<RecordedMessage> found =
            feed.messages(RELAY, lane, lanes, Position.START, mark, 1_000);
        assertThat(keys(found.stream().filter(m -> m.message().key().isPresent()).toList()))
            .containsExactlyElementsOf(
                streams.stream()
                    .filter(s -> Partitions.of(s, lanes) == number)
                    .map(StreamId::toString)
                    .toList());
        assertThat(found.stream().anyMatch(m -> m.message().id().equals(keyless.id())))
            .isEqualTo(Partitions.of(StreamId.parse("shipments-1"), lanes) == lane);
      }
    }
    assertThatThrownBy(() -> feed.messages(RELAY, 2, 2, Position.START, mark, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> feed.messages(RELAY, 0, 1, Position.START, mark, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_deletion_takes_the_messages_of_its_relay_and_lane_up_to_its_position() {
    Outbox.of(store.store).publish(List.of(OutboxMessage.to("other", "topic").key("0")));
    Outbox.of(store.store).publish(messages(20, new byte[1]));
    List<RecordedMessage> lane1 =
        feed.messages(RELAY, 1, 2, Position.START, feed.highWaterMark(), 100);
    Position upTo = lane1.get(2).position();

    feed.deleteMessages(RELAY, 1, 2, upTo);
    feed.deleteMessages(RELAY, 1, 2, upTo);

    Position mark = feed.highWaterMark();
    assertThat(feed.messages(RELAY, 1, 2, Position.START, mark, 100))
        .extracting(RecordedMessage::position)
        .isEqualTo(lane1.subList(3, lane1.size()).stream().map(RecordedMessage::position).toList())
        .hasSizeGreaterThan(1);
    assertThat(feed.messages(RELAY, 0, 2, Position.START, mark, 100)).hasSize(20 - lane1.size());
    assertThat(feed.messages("other", 0, 1, Position.START, mark, 100)).hasSize(1);

    feed.deleteMessages(RELAY, 1, 2, mark);
    feed.deleteMessages(RELAY, 0, 2, mark);
    assertThat(settled()).isEmpty();
    assertThat(feed.messages("other", 0, 1, Position.START, mark, 100)).hasSize(1);
  }

  @Test
  void pages_of_messages_end_where_they_take_about_a_mebibyte() {
    int large = 300 * 1024;
    Outbox.of(store.store).publish(messages(10, new byte[large]));
    Outbox.of(store.store).publish(messages(10, new byte[10]));
    List<String> read = new ArrayList<>();
    List<Integer> sizes = new ArrayList<>();
    Position after = Position.START;
    Position mark = feed.highWaterMark();
    List<RecordedMessage> page;
    do {
      page = feed.messages(RELAY, 0, 1, after, mark, 1_000);
      read.addAll(keys(page));
      if (!page.isEmpty()) {
        after = page.get(page.size() - 1).position();
        sizes.add(page.size());
      }
    } while (!page.isEmpty());
    assertThat(read).hasSize(20);
    assertThat(sizes).startsWith(4, 4).hasSize(3);
    assertThat(feed.messages(RELAY, 0, 1, Position.START, mark, 2)).hasSize(2);
  }

  @Test
  void messages_are_found_by_the_index_whatever_the_size_the_plan_was_made_for()
      throws SQLException {
    OutboxTable table = new OutboxTable(new Schema("eventstore"));
    LaneOf lane = new LaneOf(0, 1);
    store.execute("alter table eventstore.outbox set (autovacuum_enabled = off)");
    store.execute("vacuum analyze eventstore.outbox");
    try (Connection connection = store.begin()) {
      long last = 0;
      for (int i = 0; i < 30; i++) {
        List<RecordedMessage> page =
            table.waiting(connection, RELAY, lane, last, Long.MAX_VALUE, 10, 1 << 20);
        table.delete(connection, RELAY, lane, last, last + 10);
        if (i == 10) {
          // Plans have been made, and are kept.
          table.publish(connection, messages(20_000, new byte[100]));
        }
        last = page.isEmpty() ? last : page.get(page.size() - 1).position().value();
      }
      assertThat(last).isEqualTo(190);
      assertThat(
              TestStore.query(
                  connection,
                  "select seq_scan from pg_stat_xact_user_tables where relname = 'outbox'"))
          .isEqualTo("0");
      connection.rollback();
    }
  }

  @Test
  void concurrent_appends_with_messages_each_have_their_own() throws Exception {
    ExecutorService writers = Executors.newFixedThreadPool(16);
    try {
      List<Future<Position>> answers = new ArrayList<>();
      for (int w = 0; w < 16; w++) {
        String stream = "order-" + w;
        answers.add(
            writers.submit(
                () -> {
                  Position last = Position.START;
                  for (int i = 0; i < 25; i++) {
                    Append append = append(stream);
                    if (i % 2 == 0) {
                      append = append.messages(List.of(message(stream), message(stream)));
                    }
                    last = store.store.append(append).position();
                  }
                  return last;
                }));
      }
      Position last = Position.START;
      for (Future<Position> answer : answers) {
        Position position = answer.get(60, TimeUnit.SECONDS);
        last = position.isAfter(last) ? position : last;
      }
      assertThat(feed.highWaterMark()).isEqualTo(last);
      List<RecordedMessage> found = feed.messages(RELAY, 0, 1, Position.START, last, 1_000);
      assertThat(found).hasSize(16 * 13 * 2);
      assertThat(last).isEqualTo(found.get(found.size() - 1).position());
    } finally {
      writers.shutdownNow();
    }
  }
}
