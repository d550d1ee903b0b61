package dev.pgeventstore.postgres.internal.fence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.internal.scheduling.Background;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import javax.sql.DataSource;
import org.awaitility.Awaitility;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** A mark that stands: what is told of it, and why. */
@ExtendWith(PostgresExtension.class)
class FrozenObserverTest {

  private static final StreamId STREAM = StreamId.of("order", "1");
  private static final Duration LONGER_THAN_A_TEST = Duration.ofMinutes(10);
  private static final Duration SHORT = Duration.ofSeconds(2);
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private Database database;
  private PostgresEventStore store;
  private HikariDataSource observers;
  private LoneMark lone;
  private HighWaterMark mark;
  private Reader reader;

  @BeforeEach
  void open(Database given) {
    database = given;
    store =
        PostgresEventStore.builder(database.dataSource())
            .codec(JacksonCodec.of(EventTypes.none()))
            .build();
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(database.url() + "&ApplicationName=observer");
    config.setMaximumPoolSize(2);
    config.setMinimumIdle(0);
    observers = new HikariDataSource(config);
    look(LONGER_THAN_A_TEST);
    reader = new Reader();
  }

  private void look(Duration patience) {
    look(observers, patience);
  }

  private void look(DataSource dataSource, Duration patience) {
    lone = mark(dataSource, patience);
    mark = lone.mark();
  }

  private static LoneMark mark(DataSource dataSource, Duration patience) {
    return new LoneMark(
        Scheduler.threads(),
        () -> new ObserversConnection(dataSource, patience),
        Duration.ofMillis(20),
        patience);
  }

  @AfterEach
  void close() throws InterruptedException {
    reader.stop();
    lone.close();
    observers.close();
    store.close();
  }

  @Test
  void while_nobody_asks_nothing_is_missing() throws SQLException {
    assertThat(mark.sinceObserved()).isZero();
    append();
    mark.observe();

    assertThat(mark.sinceObserved()).isZero();
    assertThat(mark.heldBackFor()).isZero();
    assertThat(mark.lastFailure()).isEmpty();
  }

  @Test
  void closing_does_not_wait_for_good_for_a_pool_that_gives_no_connection() throws Exception {
    CountDownLatch given = new CountDownLatch(1);
    CountDownLatch asked = new CountDownLatch(1);
    AtomicReference<Connection> late = new AtomicReference<>();
    DataSource exhausted =
        proxy(
            DataSource.class,
            (method, arguments) -> {
              asked.countDown();
              given.await();
              Connection connection = database.open();
              late.set(connection);
              return connection;
            });
    LoneMark waiting = mark(exhausted, SHORT);
    Thread reading =
        new Thread(
            () -> {
              try {
                waiting.mark().await(0, "", LONGER_THAN_A_TEST);
              } catch (SQLException | InterruptedException | IllegalStateException e) {
                // Closed.
              }
            });
    reading.start();
    assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();

    waiting.close();
    assertThat(given.getCount()).isOne();
    reading.join();

    // What comes after that is given back.
    given.countDown();
    until(() -> assertThat(late.get()).isNotNull().matches(FrozenObserverTest::isClosed));
  }

  @Test
  void a_pool_that_throws_when_it_is_given_a_connection_back_ends_no_observer() throws Exception {
    AtomicInteger given = new AtomicInteger();
    AtomicInteger back = new AtomicInteger();
    DataSource complaining =
        proxy(
            DataSource.class,
            (method, arguments) -> {
              given.incrementAndGet();
              Connection connection = database.open();
              return proxy(
                  Connection.class,
                  (called, with) -> {
                    Object result = called.invoke(connection, with);
                    if (called.getName().equals("close")) {
                      back.incrementAndGet();
                      throw new IllegalStateException("the pool complains");
                    }
                    return result;
                  });
            });
    look(complaining, SHORT);
    append();
    // Nobody waits between one reading and the next, so the connection goes back.
    for (int position = 1; position <= 3; position++) {
      assertThat(mark.await(position - 1, mark.last().incarnation(), PATIENCE).position())
          .isEqualTo(position);
      int times = position;
      until(() -> assertThat(back).hasValueGreaterThanOrEqualTo(times));
      append();
    }
    assertThat(given.get()).isGreaterThanOrEqualTo(3);
  }

  /** A new incarnation is settled from the checkpoints, which may be locked like the events. */
  @Test
  void a_schema_whose_checkpoints_are_locked_is_not_waited_for_by_who_observes_others_too()
      throws Exception {
    try (PostgresEventStore other =
            PostgresEventStore.builder(database.dataSource())
                .schema("other")
                .codec(JacksonCodec.of(EventTypes.none()))
                .build();
        Connection stranger = database.open();
        Statement statement = stranger.createStatement()) {
      other.append(STREAM, ExpectedVersion.any(), List.of(event()));
      stranger.setAutoCommit(false);
      statement.execute("lock table other.subscriptions in access exclusive mode");
      Observer observer =
          new Observer(
              Scheduler.threads(),
              () -> new ObserversConnection(observers, SHORT),
              Runnable::run,
              Duration.ofMillis(20));
      HighWaterMark locked = observer.mark(new FenceFunction(new Schema("other")));
      HighWaterMark free = observer.mark(LoneMark.FENCE);
      assertThat(locked.poll(0, "", locked.watch(() -> {}))).isNull();

      until(() -> assertThat(locked.lastFailure()).isPresent());
      // It was not cancelled after the time that an observation may take.
      assertThat(locked.lastFailure().orElseThrow().getSQLState()).isEqualTo("55P03");
      append();
      assertThat(free.await(0, "", PATIENCE).position()).isEqualTo(1);

      stranger.rollback();
      assertThat(locked.await(0, "", PATIENCE).position()).isEqualTo(1);
      locked.close();
      free.close();
      Background.close(Scheduler.threads(), SHORT.toNanos(), observer.thread());
    }
  }

  private static boolean isClosed(Connection connection) {
    try {
      return connection.isClosed();
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void an_observer_that_is_frozen_shows_until_it_goes_on() throws Exception {
    reader.start();
    append();
    until(() -> assertThat(reader.position()).isEqualTo(1));

    try (Frozen frozen = freeze(observer())) {
      append();
      until(() -> assertThat(mark.sinceObserved()).isGreaterThan(Duration.ofSeconds(1)));
      assertThat(reader.position()).isEqualTo(1);
    }

    until(() -> assertThat(reader.position()).isEqualTo(2));
    until(() -> assertThat(mark.sinceObserved()).isZero());
  }

  @Test
  void a_database_that_cannot_be_observed_shows_with_its_error() throws Exception {
    reader.start();
    append();
    until(() -> assertThat(reader.position()).isEqualTo(1));

    execute("alter function eventstore.observe_fence() rename to out_of_order");
    until(() -> assertThat(mark.sinceObserved()).isGreaterThan(Duration.ofMillis(200)));
    until(
        () ->
            assertThat(mark.lastFailure())
                .hasValueSatisfying(e -> assertThat(e.getSQLState()).isEqualTo("42883")));

    execute("alter function eventstore.out_of_order() rename to observe_fence");
    until(() -> assertThat(mark.lastFailure()).isEmpty());
    until(() -> assertThat(mark.sinceObserved()).isZero());
  }

  @Test
  void a_mark_that_a_transaction_holds_back_tells_for_how_long() throws Exception {
    reader.start();
    append();
    until(() -> assertThat(reader.position()).isEqualTo(1));
    try (Connection slow = database.open()) {
      slow.setAutoCommit(false);
      store.within(slow).append(STREAM, ExpectedVersion.any(), List.of(event()));
      // Nothing lies above it, so nothing is held back.
      Mark alone = mark.observe();
      assertThat(alone.position()).isEqualTo(1);
      assertThat(mark.heldBackFor()).isZero();

      store.append(StreamId.of("order", "2"), ExpectedVersion.any(), List.of(event()));
      until(() -> assertThat(mark.heldBackFor()).isGreaterThan(Duration.ofMillis(200)));
      assertThat(mark.last().position()).isEqualTo(1);

      slow.commit();
    }
    until(() -> assertThat(reader.position()).isEqualTo(3));
    assertThat(mark.heldBackFor()).isZero();
  }

  @Test
  void a_frozen_observer_is_given_up_and_another_connection_moves_the_mark() throws Exception {
    look(SHORT);
    reader.start();
    append();
    until(() -> assertThat(reader.position()).isEqualTo(1));

    long first = observer();
    try (Frozen frozen = freeze(first)) {
      append();

      until(() -> assertThat(reader.position()).isEqualTo(2));
      until(() -> assertThat(mark.lastFailure()).isEmpty());
      append();
      until(() -> assertThat(reader.position()).isEqualTo(3));
      // The pool has let go of the frozen one.
      until(
          () ->
              assertThat(observers.getHikariPoolMXBean().getTotalConnections())
                  .isEqualTo(observers.getHikariPoolMXBean().getActiveConnections())
                  .isEqualTo(1));
    }
    until(() -> assertThat(observer()).isNotEqualTo(first));
  }

  /** Connections that are given up would each leave a process behind that waits for the lock. */
  @Test
  void an_observer_that_waits_for_a_lock_is_cancelled_and_keeps_its_connection() throws Exception {
    look(SHORT);
    reader.start();
    append();
    until(() -> assertThat(reader.position()).isEqualTo(1));

    long first = observer();
    try (Connection stranger = database.open();
        Statement statement = stranger.createStatement()) {
      stranger.setAutoCommit(false);
      statement.execute("lock table eventstore.events in access exclusive mode");

      until(() -> assertThat(mark.sinceObserved()).isGreaterThan(SHORT.multipliedBy(2)));
      assertThat(mark.lastFailure())
          .hasValueSatisfying(e -> assertThat(e.getSQLState()).isEqualTo("57014"));
      assertThat(observer()).isEqualTo(first);
    }
    append();
    until(() -> assertThat(reader.position()).isEqualTo(2));
    assertThat(observer()).isEqualTo(first);
  }

  @Test
  void a_connection_goes_back_with_the_time_out_and_the_mode_with_which_it_came() throws Exception {
    try (Connection only = database.open()) {
      only.setAutoCommit(false);
      only.setNetworkTimeout(Runnable::run, 123_456);
      List<Integer> timeOuts = new ArrayList<>();
      try (LoneMark careful = mark(lending(only, timeOuts), SHORT)) {
        careful.mark().observe();
      }

      assertThat(timeOuts).containsExactly(2_000, 123_456);
      assertThat(only.getNetworkTimeout()).isEqualTo(123_456);
      assertThat(only.getAutoCommit()).isFalse();
    }
  }

  /** A data source that lends a connection which nobody but its owner closes. */
  private static DataSource lending(Connection only, List<Integer> timeOuts) {
    Connection lent =
        proxy(
            Connection.class,
            (method, arguments) -> {
              if (method.getName().equals("close")) {
                return null;
              }
              if (method.getName().equals("setNetworkTimeout")) {
                timeOuts.add((Integer) arguments[1]);
              }
              return method.invoke(only, arguments);
            });
    return proxy(
        DataSource.class,
        (method, arguments) -> {
          assertThat(method.getName()).isEqualTo("getConnection");
          return lent;
        });
  }

  private static <T> T proxy(Class<T> type, Answer answer) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) -> answer.to(method, arguments)));
  }

  private interface Answer {
    Object to(Method method, Object[] arguments) throws Exception;
  }

  private void append() {
    store.append(STREAM, ExpectedVersion.any(), List.of(event()));
    mark.appended();
  }

  private static EncodedEvent event() {
    return EncodedEvent.of("happened", 1, "{}");
  }

  private void execute(String sql) throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  private long observer() throws SQLException {
    try (Connection connection = database.open();
        Statement statement = connection.createStatement();
        ResultSet row =
            statement.executeQuery(
                "select pid from pg_stat_activity where datname = current_database()"
                    + " and application_name = 'observer'")) {
      assertThat(row.next()).isTrue();
      return row.getLong(1);
    }
  }

  private static Frozen freeze(long backend) throws IOException, InterruptedException {
    assumeTrue(
        ProcessHandle.of(backend)
            .flatMap(process -> process.info().command())
            .filter(command -> command.endsWith("postgres"))
            .isPresent(),
        "needs a server on this machine");
    signal("STOP", backend);
    return () -> signal("CONT", backend);
  }

  private static void signal(String name, long process) throws IOException, InterruptedException {
    Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(process)).start();
    assertThat(kill.waitFor(10, TimeUnit.SECONDS)).isTrue();
    assertThat(kill.exitValue()).isZero();
  }

  private static void until(ThrowingRunnable assertion) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(5))
        .untilAsserted(assertion);
  }

  private interface Frozen extends AutoCloseable {
    @Override
    void close() throws IOException, InterruptedException;
  }

  /** Waits for the mark all the time, as subscriptions do. */
  private final class Reader {
    private final AtomicReference<Mark> seen = new AtomicReference<>(Mark.UNKNOWN);
    private final Thread thread = new Thread(this::read, "reader");
    private volatile boolean stopping;

    void start() {
      thread.start();
    }

    long position() {
      return seen.get().position();
    }

    private void read() {
      while (!stopping) {
        Mark last = seen.get();
        try {
          seen.set(mark.await(last.position(), last.incarnation(), Duration.ofMillis(50)));
        } catch (SQLException e) {
          // What the tests look at.
        } catch (InterruptedException e) {
          return;
        }
      }
    }

    void stop() throws InterruptedException {
      stopping = true;
      thread.join(30_000);
      assertThat(thread.isAlive()).isFalse();
    }
  }
}
