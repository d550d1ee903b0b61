package dev.pgeventstore.kafka.consumer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionState;
import dev.pgeventstore.kafka.consumer.ConsumerStatus.PartitionStatus;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the consumer's database does is not put down to records, and what a handler does there is.
 */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class ConsumerDatabaseTest {

  private static final String STREAM = "order-0";

  private ConsumerBench bench;
  private TopicPartition partition;
  private String deadLetters;

  @BeforeEach
  void open(Database database, KafkaBroker broker) throws Exception {
    bench = new ConsumerBench(database, broker);
    partition = new TopicPartition(bench.topic, ConsumerBench.partitionOf(STREAM));
    deadLetters = bench.topic + "-dead";
    bench.createTopic(deadLetters, 1);
  }

  @AfterEach
  void close() {
    bench.close();
  }

  /** One that gives a record up at its first attempt. */
  private RelayedConsumer.Builder impatient(HikariDataSource pool, RelayedHandler handler) {
    return bench.consumer(pool, handler).retries(0).deadLetters(deadLetters);
  }

  @ParameterizedTest
  @ValueSource(strings = {"lock_timeout", "statement_timeout"})
  void waiting_for_the_mark_is_no_attempt_whatever_the_role_allows(String limit) throws Exception {
    bench.publish(1, 3);
    try (RelayedConsumer consumer = bench.consumer(ConsumerBench::work).start()) {
      bench.awaitDone(3);
    }
    bench.publish(1, 3);
    waitsForTheHolderOf("select from relay_marks for update", limit);
  }

  @ParameterizedTest
  @ValueSource(strings = {"lock_timeout", "statement_timeout"})
  void waiting_for_a_mark_that_is_being_made_is_none_either(String limit) throws Exception {
    bench.publish(1, 6);
    waitsForTheHolderOf(
        "insert into relay_marks values ('%s', '%s', %d, 'relay-of-%s', 0, 0, 0)"
            .formatted(bench.inbox.group(), bench.topic, partition.partition(), bench.topic),
        limit);
  }

  @ParameterizedTest
  @ValueSource(strings = {"lock_timeout", "statement_timeout"})
  void waiting_for_the_table_of_marks_is_none_either(String limit) throws Exception {
    bench.publish(1, 6);
    waitsForTheHolderOf("lock table relay_marks in access exclusive mode", limit);
  }

  private void waitsForTheHolderOf(String lock, String limit) throws Exception {
    try (HikariDataSource pool = limitedTo(limit, "100ms");
        Connection holder = bench.pool.getConnection();
        Statement statement = holder.createStatement()) {
      holder.setAutoCommit(false);
      statement.execute("set local application_name = 'the holder'");
      statement.execute(lock);
      int pid = pidOf(holder);
      try (RelayedConsumer consumer = impatient(pool, ConsumerBench::work).start()) {
        await()
            .atMost(ConsumerBench.PATIENCE)
            .until(
                () -> {
                  PartitionStatus status = status(consumer);
                  return status != null
                      && status.state() == PartitionState.WAITING
                      && status.waitsFor().isPresent();
                });
        PartitionStatus status = status(consumer);
        assertThat(status.waitsFor().orElseThrow().pid()).contains(pid);
        assertThat(status.waitsFor().orElseThrow().application()).isEqualTo("the holder");
        assertThat(status.standsFor()).isPositive();
        assertThat(status.attempts()).isZero();

        holder.rollback();
        bench.awaitDone(6);
        assertThat(consumer.status().deadLetters()).isZero();
      }
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  private HikariDataSource limitedTo(String setting, String value) {
    return ConsumerBench.pool(bench.database.url() + "&options=-c%20" + setting + "%3D" + value);
  }

  private static int pidOf(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("select pg_backend_pid()")) {
      row.next();
      return row.getInt(1);
    }
  }

  private PartitionStatus status(RelayedConsumer consumer) {
    return consumer.status().partitions().get(partition);
  }

  @Test
  void the_handlers_statements_have_the_limit_that_the_role_says() throws Exception {
    Set<String> seen = ConcurrentHashMap.newKeySet();
    bench.publish(1, 1);
    try (HikariDataSource pool = limitedTo("lock_timeout", "1234ms");
        RelayedConsumer consumer = impatient(pool, looking(seen)).start()) {
      bench.awaitDone(1);
      bench.publish(1, 1);
      bench.awaitDone(2);
    }
    assertThat(seen).containsExactly("1234ms");
  }

  private static RelayedHandler looking(Set<String> seen) {
    return batch -> {
      try (Statement statement = batch.connection().createStatement();
          ResultSet row = statement.executeQuery("show lock_timeout")) {
        row.next();
        seen.add(row.getString(1));
      }
      ConsumerBench.work(batch);
    };
  }

  /** What a handler's own statement fails with, while the database is well. */
  enum Own {
    STATEMENT_TIMEOUT("set local statement_timeout = 50; select pg_sleep(600)"),
    LOCK_TIMEOUT("set local lock_timeout = 50; lock table held in access exclusive mode"),
    LIMIT("do $$ begin raise 'temp files' using errcode = '53400'; end $$"),
    READ_ONLY("set local transaction_read_only = on; delete from work"),
    LOST("do $$ begin raise 'not really' using errcode = '08006'; end $$"),
    SHUT_DOWN("do $$ begin raise 'not really' using errcode = '57P01'; end $$"),
    WRONG("select 1 / 0");

    private final String sql;

    Own(String sql) {
      this.sql = sql;
    }
  }

  @ParameterizedTest
  @EnumSource
  void what_a_handlers_own_statement_failed_with_is_an_attempt_of_its_record(Own own)
      throws Exception {
    bench.publish(1, 3);
    try (Connection holder = bench.pool.getConnection();
        Statement hold = holder.createStatement()) {
      hold.execute("create table held (a int)");
      holder.setAutoCommit(false);
      hold.execute("lock table held");
      RelayedHandler handler =
          batch -> {
            for (RelayedRecord record : batch) {
              if (record.event().version() == 2) {
                try (Statement statement = batch.connection().createStatement()) {
                  statement.execute(own.sql);
                }
              }
            }
            ConsumerBench.work(batch);
          };
      try (RelayedConsumer consumer = impatient(bench.pool, handler).start()) {
        bench.awaitDone(2);
        await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().handled() == 2);
        assertThat(consumer.status().deadLetters()).isEqualTo(1);
      }
    }
    assertThat(bench.count()).isEqualTo(2);
  }

  @Test
  void a_database_that_turned_read_only_is_waited_for_and_nothing_is_set_aside() throws Exception {
    bench.publish(6, 5);
    try (HikariDataSource readOnly =
            ConsumerBench.pool(
                bench.database.url() + "&options=-c%20default_transaction_read_only%3Don");
        SwitchedPool pool = new SwitchedPool(readOnly);
        RelayedConsumer consumer =
            bench.consumer(pool, ConsumerBench::work).retries(0).deadLetters(deadLetters).start()) {
      refuses(pool, consumer);
      pool.use(bench.pool);
      bench.awaitDone(30);
      // And where there is a mark.
      pool.use(readOnly);
      bench.publish(6, 1);
      refuses(pool, consumer);

      pool.use(bench.pool);
      bench.awaitDone(36);
      assertThat(consumer.status().deadLetters()).isZero();
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  private static void refuses(SwitchedPool pool, RelayedConsumer consumer) {
    await()
        .atMost(ConsumerBench.PATIENCE)
        .until(
            () ->
                pool.taken() > 20
                    && consumer.status().partitions().values().stream()
                        .anyMatch(status -> status.state() == PartitionState.RETRYING));
    assertThat(consumer.status().deadLetters()).isZero();
    assertThat(consumer.status().partitions().values())
        .allMatch(status -> status.attempts() == 0 && !status.isStopped());
  }

  @Test
  void a_table_of_marks_that_is_not_there_is_waited_for() throws Exception {
    bench.publish(1, 3);
    run("alter table relay_marks rename to elsewhere");
    try (RelayedConsumer consumer = impatient(bench.pool, ConsumerBench::work).start()) {
      await()
          .atMost(ConsumerBench.PATIENCE)
          .until(
              () -> {
                PartitionStatus status = status(consumer);
                return status != null
                    && status.state() == PartitionState.RETRYING
                    && status.failure().orElse("").contains("relay_marks");
              });
      run("alter table elsewhere rename to relay_marks");
      bench.awaitDone(3);
      assertThat(consumer.status().deadLetters()).isZero();
    }
    assertThat(bench.done()).isEqualTo(bench.expected());
  }

  @Test
  void a_handler_that_ends_its_transaction_has_failed_and_no_other_record_suffers()
      throws Exception {
    bench.publish(1, 3);
    RelayedHandler handler =
        batch -> {
          ConsumerBench.work(batch);
          if (batch.records().stream().anyMatch(record -> record.event().version() == 2)) {
            try (Statement statement = batch.connection().createStatement()) {
              statement.execute("rollback");
            }
          }
        };
    try (RelayedConsumer consumer = impatient(bench.pool, handler).start()) {
      bench.awaitDone(2);
      await().atMost(ConsumerBench.PATIENCE).until(() -> consumer.status().handled() == 2);
      assertThat(consumer.status().deadLetters()).isEqualTo(1);
    }
    assertThat(bench.count()).isEqualTo(2);
  }

  private void run(String sql) throws SQLException {
    try (Connection connection = bench.pool.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }
}
