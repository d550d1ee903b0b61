package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.TcpProxy;
import java.io.PrintWriter;
import java.net.URI;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.logging.Logger;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Connections that stay open but no longer respond. */
@ExtendWith(PostgresExtension.class)
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SilentDatabaseTest {

  private static final StreamId STREAM = StreamId.of("order", "1");
  private static final Duration LIMIT = Duration.ofSeconds(1);

  private Database database;
  private TcpProxy network;
  private Connections connections;
  private PostgresEventStore store;

  @BeforeEach
  void open(Database given) {
    database = given;
    network = TcpProxy.to(URI.create(database.url().substring("jdbc:".length())).getPort());
    connections = new Connections(database);
    store =
        PostgresEventStore.builder(connections)
            .codec(JacksonCodec.of(EventTypes.none()))
            .appendTimeout(LIMIT)
            .build();
  }

  @AfterEach
  void close() {
    network.close();
    store.close();
  }

  /** The next connection of the store goes through the network. */
  private void throughTheNetwork() throws SQLException {
    String port = ":" + network.port() + "/";
    connections.next.add(new Database(database.url().replaceFirst(":\\d+/", port)).open());
  }

  private static Append append() {
    return Append.to(STREAM, any(), List.of(TestStore.event("happened")));
  }

  /** On a machine that is busy one of them may be late itself. */
  private void assertOthersGoOn() {
    for (int i = 0; i < 3; i++) {
      StreamId other = StreamId.of("other", "" + i);
      await()
          .ignoreException(OutcomeUnknownException.class)
          .until(
              () -> store.append(other, any(), List.of(TestStore.raw("happened"))).version() > 0);
    }
  }

  @Test
  void the_outcome_of_a_lost_request_is_unknown_and_other_appends_continue() throws Exception {
    throughTheNetwork();
    network.freeze();
    Append lost = append();

    assertThatThrownBy(() -> store.append(lost))
        .isInstanceOf(OutcomeUnknownException.class)
        .hasStackTraceContaining("no response from the database within PT1S");

    assertOthersGoOn();
    assertThat(store.append(lost).replayed()).isFalse();
  }

  @Test
  void the_outcome_of_a_lost_response_is_unknown_until_a_retry_reports_it() throws Exception {
    throughTheNetwork();
    network.loseAnswers();
    Append lost = append();

    assertThatThrownBy(() -> store.append(lost)).isInstanceOf(OutcomeUnknownException.class);

    assertOthersGoOn();
    assertThat(store.append(lost).replayed()).isTrue();
    assertThat(store.read(STREAM)).hasSize(1);
  }

  /** What was lost may still arrive: after its retry, which was written. */
  @Test
  void a_first_attempt_that_arrives_after_its_retry_writes_nothing_twice() throws Exception {
    throughTheNetwork();
    network.freeze();
    Append late = append();
    assertThatThrownBy(() -> store.append(late)).isInstanceOf(OutcomeUnknownException.class);
    assertThat(store.append(late).replayed()).isFalse();

    network.restore();

    await().atMost(Duration.ofSeconds(30)).until(() -> sessions() == 0);
    assertThat(store.read(STREAM)).hasSize(1);
  }

  private long sessions() throws SQLException {
    try (Connection connection = database.open()) {
      return Long.parseLong(
          TestStore.query(
              connection,
              "select count(*) from pg_stat_activity where datname = current_database()"
                  + " and pid <> pg_backend_pid() and backend_type = 'client backend'"));
    }
  }

  @Test
  void a_connection_without_a_response_is_closed() throws Exception {
    throughTheNetwork();
    Connection silent = connections.next.element();
    network.freeze();
    assertThatThrownBy(() -> store.append(append())).isInstanceOf(OutcomeUnknownException.class);

    await().atMost(Duration.ofSeconds(30)).until(silent::isClosed);
  }

  /** The request is larger than what the system takes off the sending thread's hands. */
  @Test
  void a_request_that_cannot_be_written_is_given_up_too() throws Exception {
    throughTheNetwork();
    network.freeze();
    String large = "\"" + "x".repeat(900_000) + "\"";
    CompletableFuture<AppendResult> answer =
        store.appendAsync(
            STREAM, any(), Collections.nCopies(15, EncodedEvent.of("large", 1, large)));

    assertThatThrownBy(() -> answer.get(30, TimeUnit.SECONDS))
        .hasCauseInstanceOf(OutcomeUnknownException.class);
    assertOthersGoOn();
  }

  @Test
  @Tag("soak")
  void closing_is_bounded_while_the_network_is_silent() throws Exception {
    try (PostgresEventStore patient =
        PostgresEventStore.builder(connections)
            .codec(JacksonCodec.of(EventTypes.none()))
            .appendTimeout(Duration.ofHours(1))
            .build()) {
      throughTheNetwork();
      network.freeze();
      CompletableFuture<AppendResult> lost = patient.appendAsync(append());
      await().until(() -> connections.next.isEmpty());
      long began = System.nanoTime();

      patient.close();

      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(20));
      assertThatThrownBy(() -> lost.get(0, TimeUnit.SECONDS))
          .hasCauseInstanceOf(OutcomeUnknownException.class);
    }
  }

  /** Connections of its own for those that were laid aside; new ones for all others. */
  private static final class Connections implements DataSource {
    final BlockingQueue<Connection> next = new LinkedBlockingQueue<>();
    private final DataSource others;

    Connections(Database database) {
      others = database.dataSource();
    }

    @Override
    public Connection getConnection() throws SQLException {
      Connection prepared = next.poll();
      return prepared != null ? prepared : others.getConnection();
    }

    @Override
    public Connection getConnection(String user, String password) throws SQLException {
      return others.getConnection(user, password);
    }

    @Override
    public PrintWriter getLogWriter() throws SQLException {
      return others.getLogWriter();
    }

    @Override
    public void setLogWriter(PrintWriter out) throws SQLException {
      others.setLogWriter(out);
    }

    @Override
    public void setLoginTimeout(int seconds) throws SQLException {
      others.setLoginTimeout(seconds);
    }

    @Override
    public int getLoginTimeout() throws SQLException {
      return others.getLoginTimeout();
    }

    @Override
    public Logger getParentLogger() {
      return Logger.getGlobal();
    }

    @Override
    public <T> T unwrap(Class<T> type) throws SQLException {
      return others.unwrap(type);
    }

    @Override
    public boolean isWrapperFor(Class<?> type) throws SQLException {
      return others.isWrapperFor(type);
    }
  }
}
