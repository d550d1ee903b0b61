package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.postgres.internal.tables.OutboxTable;
import dev.pgeventstore.postgres.internal.tables.OutboxTable.LaneOf;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** How large the outbox gets where messages come and go. */
@ExtendWith(PostgresExtension.class)
class OutboxSizeTest {

  private static final int BATCH = 500;
  private static final int BEHIND = 3_000;

  /** What autovacuum would do, at the same times in every run. */
  private static final int VACUUM_EVERY = 5_000;

  // Rows that wait and those deleted since the last vacuum, 8,000 of some 55 in a page: 146 and 53
  // pages when this was written; without vacuum it would be 900 and more.
  private static final int PAGES = 300;
  private static final int INDEX_PAGES = 110;

  private static final LaneOf LANE = new LaneOf(0, 1);

  private final OutboxTable outbox = new OutboxTable(new Schema("eventstore"));

  @Test
  void with_a_reader_some_thousand_behind_the_table_stays_small(Database database)
      throws SQLException {
    write(database, 50_000);
  }

  @Test
  @Tag("soak")
  void after_a_million_messages_it_is_no_larger(Database database) throws SQLException {
    write(database, 1_000_000);
  }

  private void write(Database database, int messages) throws SQLException {
    try (TestStore store = new TestStore(database);
        Connection connection = database.open()) {
      store.execute(
          "alter table eventstore.outbox set"
              + " (autovacuum_enabled = off, toast.autovacuum_enabled = off)");
      byte[] value = "{\"order\": 4711, \"state\": \"shipped\"}".getBytes(StandardCharsets.UTF_8);
      long deletedUpTo = 0;
      int written = 0;
      while (written < messages) {
        List<OutboxMessage> batch =
            IntStream.range(0, BATCH)
                .mapToObj(i -> OutboxMessage.to("relay", "topic").key("" + i).value(value))
                .toList();
        long last = outbox.publish(connection, batch);
        written += BATCH;
        long upTo = Math.max(0, last - BEHIND);
        outbox.delete(connection, "relay", LANE, deletedUpTo, upTo);
        deletedUpTo = upTo;
        if (written % VACUUM_EVERY == 0) {
          TestStore.execute(connection, "vacuum eventstore.outbox");
        }
      }
      long pages = pages(store, "eventstore.outbox");
      long indexPages = pages(store, "eventstore.outbox_pkey");
      System.out.printf(
          "%d messages: %d pages of the table, %d of its index%n", messages, pages, indexPages);
      assertThat(store.query("select count(*) from eventstore.outbox")).isEqualTo("" + BEHIND);
      assertThat(pages).isLessThan(PAGES);
      assertThat(indexPages).isLessThan(INDEX_PAGES);
    }
  }

  private static long pages(TestStore store, String relation) throws SQLException {
    return Long.parseLong(store.query("select pg_relation_size('" + relation + "') / 8192"));
  }
}
