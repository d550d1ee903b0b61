package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.DelegatingDataSource;
import org.springframework.jdbc.datasource.LazyConnectionDataSourceProxy;
import org.springframework.jdbc.datasource.SingleConnectionDataSource;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Data sources that give the store a connection with a transaction of others, which the store must
 * not end.
 */
@ExtendWith(PostgresExtension.class)
class SharedTransactionTest {

  private static final StreamId STREAM = StreamId.of("order", "1");

  private TestStore direct;
  private TransactionTemplate transactions;

  @BeforeEach
  void open(Database database) throws SQLException {
    direct = new TestStore(database);
    direct.execute("create table callers (id int)");
    transactions = new TransactionTemplate(new DataSourceTransactionManager(direct.pool));
  }

  @AfterEach
  void close() {
    direct.close();
  }

  private static PostgresEventStore store(DataSource dataSource, boolean grouped) {
    return PostgresEventStore.builder(dataSource)
        .codec(JacksonCodec.of(EventTypes.none()))
        .groupAppends(grouped)
        .build();
  }

  private static AppendResult append(PostgresEventStore store) {
    return store.append(STREAM, any(), List.of(TestStore.raw("happened")));
  }

  /** A proxy like Spring's, with a name that the store cannot recognise. */
  private DataSource sharing() {
    TransactionAwareDataSourceProxy sharing = new TransactionAwareDataSourceProxy(direct.pool);
    return new DelegatingDataSource(direct.pool) {
      @Override
      public Connection getConnection() throws SQLException {
        return sharing.getConnection();
      }
    };
  }

  private String rows() throws SQLException {
    return direct.query("select count(*) from callers");
  }

  private void insert(DataSource dataSource) {
    try (Connection connection = dataSource.getConnection()) {
      TestStore.execute(connection, "insert into callers values (1)");
    } catch (SQLException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void a_known_sharing_proxy_is_refused_however_it_is_wrapped() {
    TransactionAwareDataSourceProxy proxy = new TransactionAwareDataSourceProxy(direct.pool);
    for (DataSource dataSource :
        List.of(
            proxy,
            new TransactionAwareDataSourceProxy(direct.pool) {},
            new DelegatingDataSource(proxy),
            new LazyConnectionDataSourceProxy(proxy))) {
      assertThatThrownBy(() -> store(dataSource, true).close())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("give it the data source that it wraps");
    }
  }

  @Test
  void a_proxy_that_only_delays_connections_is_accepted() {
    try (PostgresEventStore store = store(new LazyConnectionDataSourceProxy(direct.pool), true)) {
      assertThat(append(store).version()).isEqualTo(1);
      assertThat(store.read(STREAM)).hasSize(1);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void a_transaction_of_the_caller_is_neither_committed_nor_rolled_back(boolean grouped)
      throws SQLException {
    DataSource sharing = sharing();
    try (PostgresEventStore store = store(sharing, grouped)) {
      transactions.executeWithoutResult(
          status -> {
            insert(sharing);
            assertThatThrownBy(() -> append(store))
                .isExactlyInstanceOf(EventStoreException.class)
                .hasMessageContaining("nothing was written")
                .hasMessageContaining("a transaction of others");
            assertThatThrownBy(() -> store.read(STREAM))
                .isInstanceOf(EventStoreException.class)
                .hasMessageContaining("a transaction of others");
            status.setRollbackOnly();
          });
      assertThat(rows()).isEqualTo("0");

      transactions.executeWithoutResult(
          status -> {
            insert(sharing);
            assertThatThrownBy(() -> append(store)).isInstanceOf(EventStoreException.class);
          });
      assertThat(rows()).isEqualTo("1");
      assertThat(append(store).version()).isEqualTo(1);
    }
  }

  @Test
  void a_transaction_that_only_read_is_the_callers_too() {
    DataSource sharing = sharing();
    try (PostgresEventStore store = store(sharing, true)) {
      transactions.executeWithoutResult(
          status -> {
            try (Connection connection = sharing.getConnection()) {
              TestStore.query(connection, "select count(*) from callers");
            } catch (SQLException e) {
              throw new AssertionError(e);
            }
            assertThatThrownBy(() -> append(store)).isInstanceOf(EventStoreException.class);
          });
    }
  }

  @Test
  void a_transaction_that_was_begun_by_a_statement_is_the_callers_too() throws SQLException {
    try (Connection only = direct.database.open()) {
      DataSource sharing = new SingleConnectionDataSource(only, true);
      try (PostgresEventStore store = store(sharing, true)) {
        TestStore.execute(only, "begin");
        assertThatThrownBy(() -> append(store))
            .isInstanceOf(EventStoreException.class)
            .hasMessageContaining("a transaction of others");
        TestStore.execute(only, "rollback");
        assertThat(append(store).version()).isEqualTo(1);
      }
    }
  }

  /** Some pools do that in the transaction that they hand out. */
  @Test
  void a_pool_without_auto_commit_may_test_its_connections() {
    HikariConfig config = new HikariConfig();
    config.setDataSource(direct.database.dataSource());
    config.setAutoCommit(false);
    config.setMinimumIdle(0);
    try (HikariDataSource pool = new HikariDataSource(config)) {
      DataSource testing =
          new DelegatingDataSource(pool) {
            @Override
            public Connection getConnection() throws SQLException {
              Connection connection = pool.getConnection();
              assertThat(connection.isValid(5)).isTrue();
              TestStore.query(connection, "select 1");
              return connection;
            }
          };
      try (PostgresEventStore store = store(testing, true)) {
        assertThat(append(store).version()).isEqualTo(1);
        assertThat(store.read(STREAM)).hasSize(1);
      }
    }
  }

  @Test
  void without_such_a_proxy_an_append_commits_alone_and_stays_after_a_rollback() {
    assertThatCode(
            () ->
                transactions.executeWithoutResult(
                    status -> {
                      append(direct.store);
                      status.setRollbackOnly();
                    }))
        .doesNotThrowAnyException();
    assertThat(direct.store.read(STREAM)).hasSize(1);
  }
}
