package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(PostgresExtension.class)
class WatermarkInboxTest {

  private static final SequenceId MAIN = new SequenceId("shop", 0, Records.TOPIC, 0);
  private static final SequenceId OTHER = new SequenceId("shop", 1, Records.TOPIC, 0);
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final WatermarkInbox inbox =
      WatermarkInbox.builder("billing", Records.DECODER.skippingForeign()).build();
  private Database database;
  private DataSource dataSource;

  @BeforeEach
  void open(Database given) throws SQLException {
    database = given;
    dataSource = given.dataSource();
    inbox.createTable(dataSource);
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      statement.execute("create table work (number serial, lane int, position bigint)");
    }
  }

  @Test
  void work_and_marks_commit_together_and_repeats_are_dropped() throws Exception {
    assertThat(inbox.handle(dataSource, records(MAIN, 1, 3), this::work))
        .satisfies(counts(3, 0, 0));
    assertThat(inbox.handle(dataSource, records(MAIN, 2, 5), this::work))
        .satisfies(counts(2, 2, 0));
    assertThat(inbox.handle(dataSource, records(MAIN, 1, 5), this::work))
        .satisfies(counts(0, 5, 0));

    assertThat(done()).containsExactly(1L, 2L, 3L, 4L, 5L);
    assertThat(inbox.marks(dataSource)).hasSize(1).containsEntry(MAIN, Place.of(5, 0));
  }

  @Test
  void without_its_table_it_says_what_creates_it() {
    WatermarkInbox without =
        WatermarkInbox.builder("billing", Records.DECODER).table("no_marks").build();

    assertThatThrownBy(() -> without.handle(dataSource, records(MAIN, 1, 1), this::work))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContainingAll("no_marks", "WatermarkInbox.createTable");
    assertThatThrownBy(() -> without.marks(dataSource))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContainingAll("no_marks", "WatermarkInbox.createTable");
    assertThatThrownBy(
            () -> {
              try (Connection connection = database.open()) {
                without.moveTo(connection, MAIN, Place.of(1, 0));
              }
            })
        .isInstanceOf(EventStoreException.class)
        .hasMessageContainingAll("no_marks", "WatermarkInbox.createTable");
  }

  @Test
  void when_the_handler_throws_neither_its_work_nor_the_marks_are_kept() throws Exception {
    inbox.handle(dataSource, records(MAIN, 1, 2), this::work);

    assertThatThrownBy(
            () ->
                inbox.handle(
                    dataSource,
                    records(MAIN, 1, 4),
                    batch -> {
                      work(batch);
                      throw new IllegalStateException("no");
                    }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("no");

    assertThat(done()).containsExactly(1L, 2L);
    assertThat(inbox.marks(dataSource)).containsEntry(MAIN, Place.of(2, 0));
    inbox.handle(dataSource, records(MAIN, 1, 4), this::work);
    assertThat(done()).containsExactly(1L, 2L, 3L, 4L);
  }

  @Test
  void what_is_checked_comes_unchecked_and_says_whether_to_try_again() throws Exception {
    SQLException lost = new SQLException("the connection is gone", "08006");
    assertThatThrownBy(() -> inbox.handle(dataSource, records(MAIN, 1, 1), batch -> throwing(lost)))
        .isInstanceOfSatisfying(
            EventStoreException.class,
            e -> {
              assertThat(e.isTransient()).isTrue();
              assertThat(e).hasCause(lost).hasMessageContaining("nothing was handled");
            });
    IOException unread = new IOException("no such file");
    assertThatThrownBy(
            () -> inbox.handle(dataSource, records(MAIN, 1, 1), batch -> throwing(unread)))
        .isInstanceOfSatisfying(
            EventStoreException.class,
            e -> {
              assertThat(e.isTransient()).isFalse();
              assertThat(e).hasCause(unread);
            });
    assertThatThrownBy(() -> inbox.handle(dataSource, records(MAIN, 2, 2), batch -> {}))
        .isInstanceOfSatisfying(GapException.class, e -> assertThat(e.isTransient()).isFalse());
    assertThat(done()).isEmpty();
  }

  private static void throwing(Exception failure) throws Exception {
    throw failure;
  }

  @Test
  void time_outs_that_overflow_are_out_of_range() {
    WatermarkInbox.Builder builder = WatermarkInbox.builder("billing", Records.DECODER);
    assertThatThrownBy(() -> builder.waitForMark(Duration.ofSeconds(Long.MAX_VALUE)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_handler_that_ends_the_transaction_is_found_out() throws Exception {
    List<String> endings = List.of("rollback", "commit", "rollback and chain");
    for (String ending : endings) {
      assertThatThrownBy(
              () ->
                  inbox.handle(
                      dataSource,
                      records(MAIN, 1, 2),
                      batch -> {
                        try (Statement statement = batch.connection().createStatement()) {
                          statement.execute(ending);
                        }
                      }))
          .as(ending)
          .isInstanceOf(EventStoreException.class)
          .hasMessageContaining("has ended the transaction");
      assertThat(inbox.marks(dataSource).getOrDefault(MAIN, Place.START)).isEqualTo(Place.START);
    }
    assertThatThrownBy(
            () ->
                inbox.handle(dataSource, records(MAIN, 1, 2), batch -> batch.connection().close()))
        .isInstanceOf(EventStoreException.class)
        .hasMessageContaining("must not call close");
    inbox.handle(dataSource, records(MAIN, 1, 2), this::work);
    assertThat(done()).containsExactly(1L, 2L);
  }

  @Test
  void in_the_callers_transaction_it_is_the_caller_who_commits() throws Exception {
    try (Connection connection = database.open()) {
      assertThatThrownBy(() -> inbox.handle(connection, records(MAIN, 1, 2), this::work))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("auto-commit");
      connection.setAutoCommit(false);
      inbox.handle(connection, records(MAIN, 1, 2), this::work);
      connection.rollback();
      assertThat(done()).isEmpty();
      inbox.handle(connection, records(MAIN, 1, 2), this::work);
      connection.commit();
    }
    assertThat(done()).containsExactly(1L, 2L);
  }

  @Test
  void after_a_gap_nothing_of_the_batch_is_handled() throws Exception {
    inbox.handle(dataSource, records(MAIN, 1, 2), this::work);
    List<ConsumerRecord<byte[], byte[]>> holed = records(MAIN, 3, 6);
    holed.remove(2);

    assertThatThrownBy(() -> inbox.handle(dataSource, holed, this::work))
        .isInstanceOf(GapException.class);

    assertThat(done()).containsExactly(1L, 2L);
    try (Connection connection = database.open()) {
      inbox.moveTo(connection, MAIN, Place.of(5, 0));
    }
    assertThat(inbox.handle(dataSource, records(MAIN, 6, 6), this::work).handled()).isEqualTo(1);
  }

  @Test
  void without_a_mark_the_first_record_must_be_the_first_of_all() {
    assertThatThrownBy(() -> inbox.handle(dataSource, records(MAIN, 2, 3), this::work))
        .isInstanceOf(GapException.class)
        .hasMessageContaining("nothing was seen before");
  }

  @Test
  void foreign_records_are_counted_and_do_not_reach_the_handler() throws Exception {
    List<ConsumerRecord<byte[], byte[]>> mixed = records(MAIN, 1, 2);
    mixed.add(1, Records.foreign().make());

    assertThat(inbox.handle(dataSource, mixed, this::work)).satisfies(counts(2, 0, 1));
  }

  @Test
  void groups_sequences_and_tables_have_marks_of_their_own() throws Exception {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      statement.execute("create schema shipping");
    }
    WatermarkInbox shipping =
        WatermarkInbox.builder("billing", Records.DECODER).table("shipping.marks").build();
    shipping.createTable(dataSource);
    shipping.createTable(dataSource);
    WatermarkInbox another = WatermarkInbox.builder("another", Records.DECODER).build();
    List<ConsumerRecord<byte[], byte[]>> both = records(OTHER, 1, 2);
    both.addAll(records(MAIN, 1, 3));
    for (WatermarkInbox each : List.of(inbox, another, shipping)) {
      assertThat(each.handle(dataSource, both, this::work).handled()).isEqualTo(5);
      assertThat(each.marks(dataSource))
          .hasSize(2)
          .containsEntry(MAIN, Place.of(3, 0))
          .containsEntry(OTHER, Place.of(2, 0));
    }
  }

  @Test
  void a_table_is_named_plainly() {
    var builder = WatermarkInbox.builder("g", Records.DECODER).table("marks; drop table work");

    assertThatThrownBy(builder::build).isInstanceOf(IllegalArgumentException.class);
    assertThat(WatermarkInbox.builder("g", Records.DECODER).table("a.b").build().ddl())
        .contains("create table if not exists a.b (");
  }

  @Test
  void of_two_that_both_think_the_partition_theirs_the_second_finds_what_the_first_has_handled()
      throws Exception {
    inbox.handle(dataSource, records(MAIN, 1, 2), this::work);
    raceOfTwo();
  }

  @Test
  void so_it_is_when_nothing_was_handled_before() throws Exception {
    raceOfTwo();
  }

  private void raceOfTwo() throws Exception {
    FutureTask<InboxResult> second;
    try (Connection first = database.open()) {
      first.setAutoCommit(false);
      inbox.handle(first, records(MAIN, 1, 5), this::work);
      second = start(() -> inbox.handle(dataSource, records(MAIN, 1, 6), this::work));
      awaitSomebodyWaits();
      first.commit();
    }

    assertThat(second.get(30, TimeUnit.SECONDS)).satisfies(counts(1, 5, 0));
    assertThat(done()).containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
  }

  @Test
  void when_the_first_of_two_rolls_back_the_second_handles_all_of_it() throws Exception {
    FutureTask<InboxResult> second;
    try (Connection first = database.open()) {
      first.setAutoCommit(false);
      inbox.handle(first, records(MAIN, 1, 5), this::work);
      second = start(() -> inbox.handle(dataSource, records(MAIN, 1, 6), this::work));
      awaitSomebodyWaits();
      first.rollback();
    }

    assertThat(second.get(30, TimeUnit.SECONDS)).satisfies(counts(6, 0, 0));
    assertThat(done()).containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
  }

  @Test
  void under_repeatable_read_the_second_of_two_fails_and_has_handled_nothing() throws Exception {
    inbox.handle(dataSource, records(MAIN, 1, 2), this::work);
    try (Connection second = database.open()) {
      second.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      second.setAutoCommit(false);
      try (Statement statement = second.createStatement()) {
        // Its snapshot is of before.
        statement.execute("select 1");
      }
      inbox.handle(dataSource, records(MAIN, 3, 5), this::work);

      assertThatThrownBy(() -> inbox.handle(second, records(MAIN, 3, 6), this::work))
          .isInstanceOfSatisfying(
              EventStoreException.class,
              e -> {
                assertThat(e.isTransient()).isTrue();
                assertThat(((SQLException) e.getCause()).getSQLState()).isEqualTo("40001");
              });
    }
    assertThat(done()).containsExactly(1L, 2L, 3L, 4L, 5L);
  }

  @Test
  void under_repeatable_read_so_it_is_when_the_mark_was_made_meanwhile() throws Exception {
    try (Connection second = database.open()) {
      second.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      second.setAutoCommit(false);
      try (Statement statement = second.createStatement()) {
        statement.execute("select 1");
      }
      inbox.handle(dataSource, records(MAIN, 1, 5), this::work);

      assertThatThrownBy(() -> inbox.handle(second, records(MAIN, 1, 6), this::work))
          .isInstanceOfSatisfying(
              EventStoreException.class,
              e -> {
                assertThat(e.isTransient()).isTrue();
                assertThat(((SQLException) e.getCause()).getSQLState()).isEqualTo("40001");
              });
    }
    assertThat(done()).containsExactly(1L, 2L, 3L, 4L, 5L);
  }

  @Test
  void a_mark_that_is_held_is_waited_for_to_an_end_and_the_holder_is_named() throws Exception {
    WatermarkInbox hurried =
        WatermarkInbox.builder("billing", Records.DECODER)
            .waitForMark(Duration.ofMillis(50))
            .build();
    hurried.handle(dataSource, records(MAIN, 1, 2), this::work);
    WatermarkInbox bystander = WatermarkInbox.builder("another", Records.DECODER).build();
    try (Connection older = database.open();
        Connection first = database.open();
        Connection second = database.open()) {
      older.setAutoCommit(false);
      first.setAutoCommit(false);
      second.setAutoCommit(false);
      bystander.handle(older, records(MAIN, 1, 2), batch -> {});
      hurried.handle(first, records(MAIN, 3, 5), this::work);

      assertThatThrownBy(() -> hurried.handle(dataSource, records(MAIN, 3, 5), this::work))
          .isInstanceOfSatisfying(
              MarkHeldException.class,
              e -> {
                assertThat(e.sequence()).isEqualTo(MAIN);
                assertThat(e.holder().orElseThrow().pid()).contains(pidOf(first));
                assertThat(e.isTransient()).isTrue();
              });
      assertThatThrownBy(() -> hurried.handle(second, records(MAIN, 3, 5), this::work))
          .isInstanceOfSatisfying(MarkHeldException.class, e -> assertThat(e.holder()).isEmpty());
      second.rollback();
      first.commit();
      assertThat(hurried.handle(second, records(MAIN, 3, 6), this::work))
          .satisfies(counts(1, 3, 0));
      second.commit();
    }
    assertThat(done()).containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
  }

  @Test
  void a_prepared_transaction_that_holds_a_mark_is_named() throws Exception {
    inbox.handle(dataSource, records(MAIN, 1, 2), this::work);
    String id = "held-" + Long.toString(System.nanoTime(), 36);
    try (Connection first = database.open();
        Statement statement = first.createStatement()) {
      first.setAutoCommit(false);
      inbox.handle(first, records(MAIN, 3, 5), this::work);
      statement.execute("prepare transaction '" + id + "'");
    }
    try {
      WatermarkInbox hurried =
          WatermarkInbox.builder("billing", Records.DECODER)
              .waitForMark(Duration.ofMillis(50))
              .build();
      assertThatThrownBy(() -> hurried.handle(dataSource, records(MAIN, 3, 5), this::work))
          .isInstanceOf(MarkHeldException.class)
          .hasMessageContaining(id);
    } finally {
      try (Connection connection = database.open();
          Statement statement = connection.createStatement()) {
        statement.execute("commit prepared '" + id + "'");
      }
    }
    assertThat(done()).containsExactly(1L, 2L, 3L, 4L, 5L);
  }

  private static int pidOf(Connection connection) {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("select pg_backend_pid()")) {
      row.next();
      return row.getInt(1);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"close", "setAutoCommit"})
  void what_was_committed_is_handled_though_the_connection_cannot_be_given_back(String method)
      throws Exception {
    for (boolean unchecked : List.of(true, false)) {
      DataSource throwing = new ThrowingPool(dataSource, method, unchecked);
      int from = done().size() + 1;
      assertThat(inbox.handle(throwing, records(MAIN, from, from + 1), this::work).handled())
          .isEqualTo(2);
    }
    assertThat(done()).containsExactly(1L, 2L, 3L, 4L);
    assertThat(inbox.marks(dataSource)).containsEntry(MAIN, Place.of(4, 0));
  }

  @Test
  void what_cannot_be_rolled_back_is_not_committed_by_giving_it_back() throws Exception {
    DataSource throwing = new ThrowingPool(dataSource, "rollback", false);
    assertThatThrownBy(
            () ->
                inbox.handle(
                    throwing,
                    records(MAIN, 1, 2),
                    batch -> {
                      work(batch);
                      throw new IllegalStateException("on purpose");
                    }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("on purpose");
    inbox.handle(dataSource, records(MAIN, 1, 2), this::work);
    assertThat(done()).containsExactly(1L, 2L);
  }

  @Test
  void two_with_several_sequences_in_different_order_do_not_wait_for_each_other() throws Exception {
    for (int round = 0; round < 30; round++) {
      int from = round * 5 + 1;
      List<ConsumerRecord<byte[], byte[]>> one = records(MAIN, from, from + 4);
      one.addAll(records(OTHER, from, from + 4));
      List<ConsumerRecord<byte[], byte[]>> two = records(OTHER, from, from + 4);
      two.addAll(records(MAIN, from, from + 4));
      FutureTask<InboxResult> first = start(() -> inbox.handle(dataSource, one, this::work));
      FutureTask<InboxResult> second = start(() -> inbox.handle(dataSource, two, this::work));
      assertThat(
              first.get(30, TimeUnit.SECONDS).handled()
                  + second.get(30, TimeUnit.SECONDS).handled())
          .isEqualTo(10);
    }
  }

  private static FutureTask<InboxResult> start(Callable<InboxResult> task) {
    FutureTask<InboxResult> future = new FutureTask<>(task);
    new Thread(future, "second").start();
    return future;
  }

  private void awaitSomebodyWaits() throws SQLException {
    try (Connection connection = database.open();
        PreparedStatement waiting =
            connection.prepareStatement(
                """
                select count(*)
                  from pg_stat_activity
                 where wait_event_type = 'Lock'
                   and datname = current_database()
                """)) {
      await()
          .atMost(PATIENCE)
          .until(
              () -> {
                try (ResultSet row = waiting.executeQuery()) {
                  return row.next() && row.getInt(1) == 1;
                }
              });
    }
  }

  private static List<ConsumerRecord<byte[], byte[]>> records(
      SequenceId sequence, int from, int to) {
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    for (int number = from; number <= to; number++) {
      records.add(Records.event(Place.of(number, 0), Place.of(number - 1, 0)).in(sequence).make());
    }
    return records;
  }

  private static Consumer<InboxResult> counts(int handled, int repeated, int foreign) {
    return result ->
        assertThat(List.of(result.handled(), result.repeated(), result.foreign()))
            .containsExactly(handled, repeated, foreign);
  }

  private void work(RelayedBatch batch) throws SQLException {
    try (PreparedStatement insert =
        batch.connection().prepareStatement("insert into work (lane, position) values (?, ?)")) {
      for (RelayedRecord record : batch) {
        insert.setInt(1, record.sequence().lane());
        insert.setLong(2, record.place().position().value());
        insert.executeUpdate();
      }
    }
  }

  private List<Long> done() throws SQLException, ExecutionException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("select position from work order by number")) {
      List<Long> done = new ArrayList<>();
      while (row.next()) {
        done.add(row.getLong(1));
      }
      return done;
    }
  }
}
