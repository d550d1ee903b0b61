package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What a pool, a driver or a proxy of it throws does not make a committed append a failure. */
@ExtendWith(PostgresExtension.class)
class ThrowingPoolTest {

  private static final StreamId STREAM = StreamId.parse("order-1");

  private volatile Thread appending;
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
  @CsvSource({
    "1, EXCEPTION",
    "1, ERROR",
    "1, VIRTUAL_MACHINE",
    "1, SQL_EXCEPTION",
    "20, EXCEPTION",
    "20, ERROR",
    "20, VIRTUAL_MACHINE",
    "20, SQL_EXCEPTION"
  })
  void a_connection_that_cannot_be_given_back_fails_no_append(int events, Complaint complaint) {
    try (PostgresEventStore store = over(plain.pool, "Connection.close", complaint)) {
      Append append = append(store, events);
      arm();
      AppendResult result = store.append(append);
      assertThat(armed).isFalse();
      assertThat(result.replayed()).isFalse();
      assertThat(store.read(STREAM)).hasSize(1 + events);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, EXCEPTION",
    "1, ERROR",
    "1, VIRTUAL_MACHINE",
    "1, SQL_EXCEPTION",
    "20, EXCEPTION",
    "20, ERROR",
    "20, VIRTUAL_MACHINE",
    "20, SQL_EXCEPTION"
  })
  void a_response_that_the_driver_does_not_return_leaves_the_outcome_unknown(
      int events, Complaint complaint) {
    try (PostgresEventStore store = over(plain.pool, "PreparedStatement.executeQuery", complaint)) {
      assertUnknownAndRecognised(store, append(store, events));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, EXCEPTION",
    "1, ERROR",
    "1, VIRTUAL_MACHINE",
    "1, SQL_EXCEPTION",
    "20, EXCEPTION",
    "20, ERROR",
    "20, VIRTUAL_MACHINE",
    "20, SQL_EXCEPTION"
  })
  void a_mode_that_cannot_be_set_back_fails_no_append(int events, Complaint complaint) {
    HikariConfig config = new HikariConfig();
    config.setDataSource(plain.database.dataSource());
    config.setAutoCommit(false);
    config.setMinimumIdle(0);
    try (HikariDataSource pool = new HikariDataSource(config);
        PostgresEventStore store = over(pool, "Connection.setAutoCommit[false]", complaint)) {
      Append append = append(store, events);
      arm();
      assertThat(store.append(append).replayed()).isFalse();
      assertThat(armed).isFalse();
      assertThat(store.read(STREAM)).hasSize(1 + events);
    }
  }

  /** It has been committed by then: the driver commits each statement. */
  @ParameterizedTest
  @CsvSource({
    "1, PreparedStatement.close",
    "20, PreparedStatement.close",
    "1, ResultSet.close",
    "20, ResultSet.close",
    "1, ResultSet.next",
    "20, ResultSet.next"
  })
  void an_exception_of_a_proxy_after_the_response_leaves_the_outcome_unknown(
      int events, String method) {
    try (PostgresEventStore store = over(plain.pool, method, Complaint.SQL_EXCEPTION)) {
      assertUnknownAndRecognised(store, append(store, events));
    }
  }

  @ParameterizedTest
  @EnumSource
  void messages_that_may_have_been_published_are_not_reported_as_unpublished(Complaint complaint) {
    OutboxMessage message = OutboxMessage.to("relay", "topic").key("1").value(new byte[] {1});
    try (PostgresEventStore store = over(plain.pool, "PreparedStatement.close", complaint)) {
      arm();
      assertThatThrownBy(() -> Outbox.of(store).publish(List.of(message)))
          .isInstanceOf(OutcomeUnknownException.class)
          .hasMessageContaining("may publish them twice");
      assertThat(armed).isFalse();
    }
  }

  @ParameterizedTest
  @EnumSource
  void a_batch_of_an_import_that_may_be_committed_is_not_reported_as_unwritten(Complaint complaint)
      throws Exception {
    try (PostgresEventStore store = over(plain.pool, "Connection.commit", complaint)) {
      Importer importer = store.importer().named("orders").batch(10);
      assertThat(importer.run(ImporterTest.items(10)).items()).isEqualTo(10);
      // The source is asked once the import has begun.
      Stream<ImportedEvent> items = ImporterTest.items(20).peek(item -> arm());
      assertThatThrownBy(() -> importer.run(items))
          .isInstanceOf(OutcomeUnknownException.class)
          .hasMessageContaining("items 11 to 20 may have been committed or not");
      assertThat(armed).isFalse();
      assertThat(importer.run(ImporterTest.items(30)).items()).isEqualTo(30);
      assertThat(store.readPage(Position.START, 100).events()).hasSize(30);
    }
  }

  @Test
  void the_outcome_of_an_asynchronous_append_is_unknown_too() {
    try (PostgresEventStore store = over(plain.pool, "Connection.close", Complaint.EXCEPTION)) {
      Append append = append(store, 2);
      arm();
      assertThat(store.appendAsync(append).join().version()).isEqualTo(3);
    }
  }

  /** From here on, what this thread asks of a connection may fail. */
  private void arm() {
    appending = Thread.currentThread();
    armed.set(true);
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
    arm();
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
  private PostgresEventStore over(DataSource pool, String throwing, Complaint complaint) {
    DataSource watched = (DataSource) watched(DataSource.class, pool, throwing, complaint);
    return PostgresEventStore.builder(watched).codec(JacksonCodec.of(EventTypes.none())).build();
  }

  private Object watched(Class<?> type, Object target, String throwing, Complaint complaint) {
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
          String call = type.getSimpleName() + "." + method.getName();
          if ((throwing.equals(call) || throwing.equals(call + Arrays.deepToString(arguments)))
              && isAppending()
              && armed.compareAndSet(true, false)) {
            throw complaint.made();
          }
          return switch (method.getName()) {
            case "getConnection" -> watched(Connection.class, result, throwing, complaint);
            case "prepareStatement" ->
                watched(PreparedStatement.class, result, throwing, complaint);
            case "executeQuery" -> watched(ResultSet.class, result, throwing, complaint);
            default -> result;
          };
        });
  }

  private enum Complaint {
    EXCEPTION,
    ERROR,
    VIRTUAL_MACHINE,
    SQL_EXCEPTION;

    Throwable made() {
      return switch (this) {
        case EXCEPTION -> new IllegalStateException("the pool complains");
        case ERROR -> new NoClassDefFoundError("the pool complains");
        case VIRTUAL_MACHINE -> new StackOverflowError("the pool complains");
        case SQL_EXCEPTION -> new SQLException("the pool complains");
      };
    }
  }

  /** Other threads of the store have connections too. */
  private boolean isAppending() {
    Thread current = Thread.currentThread();
    return current == appending
        || Set.of("eventstore-appender", "eventstore-import").contains(current.getName());
  }
}
