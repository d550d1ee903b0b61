package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.JacksonCodec;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a pool or a driver throws unchecked does not make a committed append a failure. */
@ExtendWith(PostgresExtension.class)
class ThrowingPoolTest {

  private static final StreamId STREAM = StreamId.parse("order-1");

  private final Thread appending = Thread.currentThread();
  private final AtomicBoolean armed = new AtomicBoolean();
  private TestStore plain;

  @BeforeEach
  void open(Database database) {
    plain = new TestStore(database);
  }

  @AfterEach
  void close() {
    plain.close();
  }

  // One event goes with others, and twenty go alone.

  @ParameterizedTest
  @CsvSource({"1, false", "1, true", "20, false", "20, true"})
  void a_connection_that_cannot_be_given_back_fails_no_append(int events, boolean error) {
    try (PostgresEventStore store = over(plain.pool, "close", error)) {
      Append append = append(store, events);
      armed.set(true);
      AppendResult result = store.append(append);
      assertThat(armed).isFalse();
      assertThat(result.replayed()).isFalse();
      assertThat(store.read(STREAM)).hasSize(1 + events);
    }
  }

  @ParameterizedTest
  @CsvSource({"1, false", "1, true", "20, false", "20, true"})
  void an_answer_that_the_driver_does_not_give_leaves_the_outcome_unknown(
      int events, boolean error) {
    try (PostgresEventStore store = over(plain.pool, "executeQuery", error)) {
      assertUnknownAndRecognised(store, append(store, events));
    }
  }

  @ParameterizedTest
  @CsvSource({"1, false", "1, true", "20, false", "20, true"})
  void a_commit_that_throws_after_it_has_committed_leaves_the_outcome_unknown(
      int events, boolean error) {
    HikariConfig config = new HikariConfig();
    config.setDataSource(plain.database.dataSource());
    config.setAutoCommit(false);
    config.setMinimumIdle(0);
    try (HikariDataSource pool = new HikariDataSource(config);
        PostgresEventStore store = over(pool, "commit", error)) {
      assertUnknownAndRecognised(store, append(store, events));
    }
  }

  @Test
  void the_same_holds_for_an_append_that_nobody_waits_for() {
    try (PostgresEventStore store = over(plain.pool, "close", false)) {
      Append append = append(store, 2);
      armed.set(true);
      assertThat(store.appendAsync(append).join().version()).isEqualTo(3);
    }
  }

  private Append append(PostgresEventStore store, int events) {
    store.append(STREAM, ExpectedVersion.any(), List.of(TestStore.raw("first")));
    return Append.to(
        STREAM,
        ExpectedVersion.any(),
        IntStream.range(0, events).mapToObj(i -> TestStore.raw("happened")).toList());
  }

  private void assertUnknownAndRecognised(PostgresEventStore store, Append append) {
    int events = append.events().get(STREAM).size();
    armed.set(true);
    assertThatThrownBy(() -> store.append(append))
        .isInstanceOf(OutcomeUnknownException.class)
        .hasMessageContaining("may have been committed")
        .rootCause()
        .hasMessage("the pool complains");
    assertThat(armed).isFalse();
    assertThat(store.append(append).replayed()).isTrue();
    assertThat(store.read(STREAM)).hasSize(1 + events);
  }

  /** Throws once, when it is armed, after it has done what it was asked for. */
  private PostgresEventStore over(DataSource pool, String throwing, boolean error) {
    DataSource watched = (DataSource) watched(DataSource.class, pool, throwing, error);
    return PostgresEventStore.builder(watched).codec(JacksonCodec.of(EventTypes.none())).build();
  }

  private Object watched(Class<?> type, Object target, String throwing, boolean error) {
    return Proxy.newProxyInstance(
        getClass().getClassLoader(),
        new Class<?>[] {type},
        (proxy, method, arguments) -> {
          Object result;
          try {
            result = method.invoke(target, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
          boolean isStatementsOwn = method.getName().equals("close") && type != Connection.class;
          if (method.getName().equals(throwing)
              && !isStatementsOwn
              && isAppending()
              && armed.compareAndSet(true, false)) {
            if (error) {
              throw new NoClassDefFoundError("the pool complains");
            }
            throw new IllegalStateException("the pool complains");
          }
          if (method.getName().equals("getConnection")) {
            return watched(Connection.class, result, throwing, error);
          }
          return method.getName().equals("prepareStatement")
              ? watched(PreparedStatement.class, result, throwing, error)
              : result;
        });
  }

  /** Other threads of the store have connections too. */
  private boolean isAppending() {
    Thread current = Thread.currentThread();
    return current == appending || current.getName().equals("eventstore-appender");
  }
}
