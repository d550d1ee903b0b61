package dev.pgeventstore.postgres;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.testkit.servers.Database;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A read model that tells what was done to it: a row for each event, numbered as they were written,
 * and a fold of each stream that is another one if the order is. It inserts and asks no questions,
 * so an event that is handled twice is an error.
 *
 * <p>The handler does what the types of the events say, see {@link #POISON} and those below it.
 */
final class Ledger implements EventHandler {

  /** Fails until the stream has got its antidote. */
  static final String POISON = "poison";

  /** Fails when a process sees it for the first time. */
  static final String FLAKY = "flaky";

  /** Takes its time. */
  static final String SLOW = "slow";

  /** A process that sees it loses a race in the database, {@link #RACES_LOST} times. */
  static final String UNLUCKY = "unlucky";

  static final int RACES_LOST = 6;

  /** Ends the process at once, until the stream has got its antidote. */
  static final String DEADLY = "deadly";

  /** The handler says that it has come here, before it writes, and waits until it is let go. */
  static final String HELD_BEFORE = "held-before";

  /** The same after it has written. */
  static final String HELD_AFTER = "held-after";

  /** The events of this category are wanted, in tests in which others are not. */
  static final String CATEGORY = "wanted";

  private static final int FOLD = 1_000_000_007;

  private final String node;
  private final Consumer<String> says;
  private final Set<Long> seenFlaky = ConcurrentHashMap.newKeySet();
  private final Map<Long, Integer> racesLost = new ConcurrentHashMap<>();
  private volatile int keys = -1;
  private volatile CountDownLatch letGo = new CountDownLatch(1);

  /**
   * A handler.
   *
   * @param node what it calls itself in the rows
   * @param says receives {@code "HOLDING <position>"}
   */
  Ledger(String node, Consumer<String> says) {
    this.node = node;
    this.says = says;
  }

  /** Creates the tables. The store's own must be there: what is parked is noted too. */
  static void create(Database database) throws SQLException {
    create(database, "primary key");
  }

  /** With nothing that would refuse an event that is handled twice, or make anybody wait. */
  static void createWithoutKeys(Database database) throws SQLException {
    create(database, "");
  }

  private static void create(Database database, String key) throws SQLException {
    try (Connection connection = database.open()) {
      TestStore.execute(
          connection,
          """
          create table public.handled (
            position bigint %s,
            stream text not null,
            version bigint not null,
            number bigint generated always as identity,
            node text not null,
            replayed boolean not null,
            at timestamptz not null default clock_timestamp());
          create table public.folded (stream text primary key, fold bigint not null);
          create table public.antidotes (stream text primary key);
          create table public.parkings (
            position bigint not null, stream text not null, attempts integer not null, error text);
          create function public.note_parking() returns trigger language plpgsql as $$
          begin
            insert into public.parkings
            values (new.position, new.stream_id, new.attempts, new.error);
            return new;
          end $$;
          create trigger note_parking after insert on eventstore.parked_events
            for each row execute function public.note_parking();
          """
              .formatted(key));
    }
  }

  /** One more event in the fold of a stream. */
  static long fold(long fold, long position) {
    return (fold * 31 + position) % FOLD;
  }

  /** Lets the handler go on that waits, or the next one that would. */
  void letGo() {
    letGo.countDown();
  }

  @Override
  public void handle(EventBatch batch) throws Exception {
    boolean keyed = hasKeys(batch.connection());
    try (PreparedStatement row =
            batch
                .connection()
                .prepareStatement(
                    """
                insert into public.handled (position, stream, version, node, replayed)
                values (?, ?, ?, ?, ?)
                """);
        PreparedStatement fold =
            batch
                .connection()
                .prepareStatement(
                    """
                insert into public.folded as f (stream, fold) values (?, ? %% %1$d)
                    on conflict (stream) do update set fold = (f.fold * 31 + ?) %% %1$d
                """
                        .formatted(FOLD))) {
      for (RecordedEvent event : batch.events()) {
        boolean sick = isSick(event, batch.connection());
        if (event.type().equals(HELD_BEFORE)) {
          hold(event);
        }
        if (event.type().equals(SLOW)) {
          Thread.sleep(700);
        }
        row.setLong(1, event.position().value());
        row.setString(2, event.stream().toString());
        row.setLong(3, event.version());
        row.setString(4, node);
        row.setBoolean(5, Thread.currentThread().getName().equals(SubscriptionNode.COMMANDS));
        row.addBatch();
        if (keyed) {
          fold.setString(1, event.stream().toString());
          fold.setLong(2, event.position().value());
          fold.setLong(3, event.position().value());
          fold.addBatch();
        }
        if (sick || event.type().equals(HELD_AFTER)) {
          // What it has written so far is to be rolled back.
          row.executeBatch();
          fold.executeBatch();
        }
        if (sick && event.type().equals(DEADLY)) {
          Runtime.getRuntime().halt(9);
        }
        if (sick && event.type().equals(UNLUCKY)) {
          throw new SQLException("a race was lost", "40001");
        }
        if (sick) {
          throw new IllegalStateException(event.type() + " at " + event.position());
        }
        if (event.type().equals(HELD_AFTER)) {
          hold(event);
        }
      }
      row.executeBatch();
      fold.executeBatch();
    }
  }

  /** Without them no row may be waited for, so nothing is folded. */
  private boolean hasKeys(Connection connection) throws SQLException {
    if (keys < 0) {
      keys =
          Integer.parseInt(
              TestStore.query(
                  connection,
                  "select count(*) from pg_constraint where contype = 'p'"
                      + " and conrelid = 'public.handled'::regclass"));
    }
    return keys > 0;
  }

  private boolean isSick(RecordedEvent event, Connection connection) throws SQLException {
    return switch (event.type()) {
      case FLAKY -> seenFlaky.add(event.position().value());
      case UNLUCKY -> racesLost.merge(event.position().value(), 1, Integer::sum) <= RACES_LOST;
      case POISON, DEADLY -> !hasAntidote(event.stream(), connection);
      default -> false;
    };
  }

  private static boolean hasAntidote(StreamId stream, Connection connection) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("select from public.antidotes where stream in (?, '*')")) {
      statement.setString(1, stream.toString());
      try (ResultSet row = statement.executeQuery()) {
        return row.next();
      }
    }
  }

  private void hold(RecordedEvent event) throws InterruptedException {
    CountDownLatch until = letGo;
    says.accept("HOLDING " + event.position());
    if (!until.await(120, TimeUnit.SECONDS)) {
      throw new IllegalStateException("nobody let the handler of " + node + " go");
    }
    letGo = new CountDownLatch(1);
  }

  /** What makes the poison of a stream harmless. */
  static void cure(Database database, String stream) throws SQLException {
    try (Connection connection = database.open();
        PreparedStatement insert =
            connection.prepareStatement(
                "insert into public.antidotes values (?) on conflict do nothing")) {
      insert.setString(1, stream);
      insert.execute();
    }
  }

  /** Holds the ledger against the log. */
  static List<String> violations(Database database, int partitions, boolean filtered)
      throws SQLException {
    try (Connection connection = database.open()) {
      return new LedgerChecker(
              log(connection, filtered),
              handled(connection),
              folds(connection),
              parkings(connection),
              positions(connection, "select position from eventstore.parked_events"),
              positions(connection, "select position from eventstore.discarded_events"),
              partitions)
          .violations();
    }
  }

  private interface Row<T> {
    T of(ResultSet row) throws SQLException;
  }

  private static <T> List<T> rows(Connection connection, String sql, Row<T> read)
      throws SQLException {
    List<T> rows = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet result = statement.executeQuery(sql)) {
      while (result.next()) {
        rows.add(read.of(result));
      }
    }
    return rows;
  }

  private static List<LedgerChecker.Logged> log(Connection connection, boolean filtered)
      throws SQLException {
    return rows(
        connection,
        "select position, stream_id, version, type from eventstore.events order by position",
        row -> {
          StreamId stream = StreamId.parse(row.getString(2));
          return new LedgerChecker.Logged(
              row.getLong(1),
              stream,
              row.getLong(3),
              !filtered || stream.category().equals(CATEGORY),
              Set.of(POISON, DEADLY).contains(row.getString(4)));
        });
  }

  private static List<LedgerChecker.Handled> handled(Connection connection) throws SQLException {
    return rows(
        connection,
        "select position, stream, version, node, replayed from public.handled order by number",
        row ->
            new LedgerChecker.Handled(
                row.getLong(1),
                StreamId.parse(row.getString(2)),
                row.getLong(3),
                row.getString(4),
                row.getBoolean(5)));
  }

  private static List<LedgerChecker.Folded> folds(Connection connection) throws SQLException {
    return rows(
        connection,
        "select stream, fold from public.folded",
        row -> new LedgerChecker.Folded(StreamId.parse(row.getString(1)), row.getLong(2)));
  }

  private static List<LedgerChecker.Parking> parkings(Connection connection) throws SQLException {
    return rows(
        connection,
        "select position, stream, attempts, error from public.parkings order by position",
        row ->
            new LedgerChecker.Parking(
                row.getLong(1),
                StreamId.parse(row.getString(2)),
                row.getInt(3),
                String.valueOf(row.getString(4))));
  }

  private static Set<Long> positions(Connection connection, String sql) throws SQLException {
    return Set.copyOf(rows(connection, sql, row -> row.getLong(1)));
  }
}
