package dev.pgeventstore.spring;

import static dev.pgeventstore.ExpectedVersion.any;
import static dev.pgeventstore.ExpectedVersion.exactly;
import static dev.pgeventstore.ExpectedVersion.noStream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Outbox;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.codec.jackson3.JacksonSnapshots;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.spring.OrderEvent.Placed;
import dev.pgeventstore.spring.OrderEvent.Shipped;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

/** The store in Spring's transactions, on a real database. */
@ExtendWith(PostgresExtension.class)
class TransactionsTest {

  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final AtomicInteger STREAMS = new AtomicInteger();

  private static ConfigurableApplicationContext application;

  private final StreamId stream = StreamId.of("order", Integer.toString(STREAMS.incrementAndGet()));
  private EventStore store;
  private JdbcTemplate jdbc;
  private TransactionTemplate required;

  @Configuration(proxyBeanMethods = false)
  static class View {

    @Bean
    Running<Subscription> view(EventStore store) {
      return Running.of(() -> Subscriptions.of(store).create("view").handler(batch -> {}).start());
    }
  }

  @BeforeAll
  static void start(Database database) {
    application = TestApplication.start(database, View.class);
    application.getBean(JdbcTemplate.class).execute("create table notes (note text)");
  }

  @AfterAll
  static void stop() {
    application.close();
  }

  @BeforeEach
  void take() {
    store = application.getBean(EventStore.class);
    jdbc = application.getBean(JdbcTemplate.class);
    required = template(TransactionDefinition.PROPAGATION_REQUIRED);
  }

  private static TransactionTemplate template(int propagation) {
    TransactionTemplate template =
        new TransactionTemplate(application.getBean(PlatformTransactionManager.class));
    template.setPropagationBehavior(propagation);
    return template;
  }

  private AppendResult place(String what) {
    return store.append(stream, any(), List.of(new Placed(what)));
  }

  private List<Object> events() {
    List<Object> payloads = new ArrayList<>();
    store.read(stream).forEach(event -> payloads.add(event.payload()));
    return payloads;
  }

  private void note() {
    jdbc.update("insert into notes values (?)", stream.key());
  }

  private int notes() {
    return jdbc.queryForObject(
        "select count(*) from notes where note = ?", Integer.class, stream.key());
  }

  private DeferredAppends deferred() {
    return application.getBean(DeferredAppends.class);
  }

  @Test
  void a_rollback_takes_the_event_and_the_row_together() {
    required.executeWithoutResult(
        status -> {
          note();
          place("book");
          status.setRollbackOnly();
        });

    assertThat(events()).isEmpty();
    assertThat(notes()).isZero();
  }

  @Test
  void an_exception_takes_the_event_and_the_row_together() {
    assertThatThrownBy(
            () ->
                required.executeWithoutResult(
                    status -> {
                      place("book");
                      note();
                      throw new IllegalArgumentException("no");
                    }))
        .hasMessage("no");

    assertThat(events()).isEmpty();
    assertThat(notes()).isZero();
  }

  @Test
  void a_commit_keeps_both_and_the_transaction_has_read_its_own_events() {
    List<Object> within =
        required.execute(
            status -> {
              note();
              AppendResult result = place("book");
              assertThat(result.version()).isEqualTo(1);
              return events();
            });

    assertThat(within).containsExactly(new Placed("book"));
    assertThat(events()).containsExactly(new Placed("book"));
    assertThat(notes()).isEqualTo(1);
  }

  @Test
  void nobody_else_sees_an_event_before_the_commit() {
    required.executeWithoutResult(
        status -> {
          place("book");
          List<Object> outside =
              template(TransactionDefinition.PROPAGATION_NOT_SUPPORTED).execute(none -> events());
          assertThat(outside).isEmpty();
        });
    assertThat(events()).hasSize(1);
  }

  @Test
  void without_a_transaction_an_append_commits_by_itself() {
    place("book");

    assertThat(events()).hasSize(1);
  }

  @Test
  void an_inner_transaction_of_its_own_stays_when_the_outer_one_is_rolled_back() {
    required.executeWithoutResult(
        status -> {
          note();
          template(TransactionDefinition.PROPAGATION_REQUIRES_NEW)
              .executeWithoutResult(inner -> place("inner"));
          status.setRollbackOnly();
        });

    assertThat(events()).containsExactly(new Placed("inner"));
    assertThat(notes()).isZero();
  }

  @Test
  void an_append_that_would_wait_for_its_own_outer_transaction_is_refused() {
    required.executeWithoutResult(
        status -> {
          template(TransactionDefinition.PROPAGATION_NESTED)
              .executeWithoutResult(
                  nested -> {
                    place("nested");
                    nested.setRollbackOnly();
                  });
          // The savepoint has unlocked the stream.
          template(TransactionDefinition.PROPAGATION_REQUIRES_NEW)
              .executeWithoutResult(inner -> place("inner"));

          place("outer");
          for (int propagation :
              List.of(
                  TransactionDefinition.PROPAGATION_REQUIRES_NEW,
                  TransactionDefinition.PROPAGATION_NOT_SUPPORTED)) {
            assertThatThrownBy(
                    () ->
                        template(propagation)
                            .executeWithoutResult(inner -> place("waits for ever")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("each would wait for the other");
          }
        });

    place("free");
    assertThat(events())
        .containsExactly(new Placed("inner"), new Placed("outer"), new Placed("free"));
  }

  @Test
  void a_nested_transaction_is_rolled_back_to_its_savepoint() {
    required.executeWithoutResult(
        status -> {
          place("outer");
          template(TransactionDefinition.PROPAGATION_NESTED)
              .executeWithoutResult(
                  nested -> {
                    place("nested");
                    nested.setRollbackOnly();
                  });
          place("after");
        });

    assertThat(events()).containsExactly(new Placed("outer"), new Placed("after"));
  }

  @Test
  void a_read_only_transaction_reads_and_refuses_an_append() {
    place("book");
    TransactionTemplate readOnly = template(TransactionDefinition.PROPAGATION_REQUIRED);
    readOnly.setReadOnly(true);

    readOnly.executeWithoutResult(
        status -> {
          assertThatThrownBy(() -> place("another"))
              .isInstanceOf(IllegalStateException.class)
              .hasMessageContaining("read-only, nothing was written");
          assertThat(events()).hasSize(1);
        });
    assertThat(events()).hasSize(1);
  }

  @Test
  void a_conflict_is_thrown_at_once_and_leaves_the_transaction_usable() {
    place("book");

    required.executeWithoutResult(
        status -> {
          assertThatThrownBy(() -> store.append(stream, noStream(), List.of(new Shipped())))
              .isInstanceOf(ConflictException.class);
          note();
          store.append(stream, exactly(1), List.of(new Shipped()));
        });

    assertThat(events()).containsExactly(new Placed("book"), new Shipped());
    assertThat(notes()).isEqualTo(1);
  }

  @Test
  void aggregates_and_snapshots_decide_in_the_transaction() {
    Aggregates<Integer, OrderEvent> counters =
        Aggregates.<Integer, OrderEvent>of(
                store, "order", Evolution.of(0, (count, event) -> count + 1))
            .snapshotEvery(2, JacksonSnapshots.of(Integer.class, "counter", 1));
    Supplier<Integer> loaded = () -> counters.load(stream.key()).state();

    required.executeWithoutResult(
        status -> {
          for (int i = 0; i < 3; i++) {
            counters.execute(stream.key(), count -> List.of(new Placed("book")));
          }
          assertThat(loaded.get()).isEqualTo(3);
          status.setRollbackOnly();
        });
    assertThat(loaded.get()).isZero();

    for (int i = 0; i < 3; i++) {
      required.executeWithoutResult(
          status -> counters.execute(stream.key(), count -> List.of(new Placed("book"))));
    }
    assertThat(loaded.get()).isEqualTo(3);
  }

  @Test
  void messages_of_the_outbox_are_rolled_back_too() {
    required.executeWithoutResult(
        status -> {
          Outbox.of(store).publish(List.of(message()));
          status.setRollbackOnly();
        });

    assertThat(messages()).isZero();
    required.executeWithoutResult(status -> Outbox.of(store).publish(List.of(message())));
    assertThat(messages()).isEqualTo(1);
  }

  private OutboxMessage message() {
    return OutboxMessage.to("relay", stream.key()).json("{}");
  }

  private int messages() {
    return jdbc.queryForObject(
        "select count(*) from eventstore.outbox where topic = ?", Integer.class, stream.key());
  }

  @Test
  @SuppressWarnings("unchecked")
  void a_subscription_has_applied_an_append_when_it_is_awaited_after_the_commit() throws Exception {
    Running<Subscription> view = application.getBean("view", Running.class);

    AppendResult result = required.execute(status -> place("book"));
    view.get().awaitApplied(result, PATIENCE);

    assertThat(view.get().status().position().value())
        .isGreaterThanOrEqualTo(result.position().value());
  }

  @Test
  void an_append_after_the_commit_is_refused_and_not_lost() {
    AtomicReference<Throwable> afterCommit = new AtomicReference<>();
    AtomicReference<Throwable> afterCompletion = new AtomicReference<>();
    required.executeWithoutResult(
        status -> {
          note();
          TransactionSynchronizationManager.registerSynchronization(
              new TransactionSynchronization() {
                @Override
                public void afterCommit() {
                  afterCommit.set(failureOf(() -> place("late")));
                }

                @Override
                public void afterCompletion(int outcome) {
                  afterCompletion.set(failureOf(() -> place("later")));
                }
              });
        });

    assertThat(afterCommit.get())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("the transaction has ended, nothing was written");
    assertThat(afterCompletion.get()).isInstanceOf(IllegalStateException.class);
    assertThat(events()).isEmpty();
  }

  @Test
  void an_append_after_the_commit_in_a_new_transaction_is_committed() {
    required.executeWithoutResult(
        status ->
            TransactionSynchronizationManager.registerSynchronization(
                new TransactionSynchronization() {
                  @Override
                  public void afterCommit() {
                    template(TransactionDefinition.PROPAGATION_REQUIRES_NEW)
                        .executeWithoutResult(inner -> place("late"));
                  }
                }));

    assertThat(events()).containsExactly(new Placed("late"));
  }

  private static Throwable failureOf(Runnable action) {
    try {
      action.run();
      return null;
    } catch (RuntimeException e) {
      return e;
    }
  }

  @Test
  void an_append_whose_future_could_not_complete_is_refused() {
    required.executeWithoutResult(
        status ->
            assertThatThrownBy(() -> store.appendAsync(stream, any(), List.of(new Shipped())))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("DeferredAppends"));
    assertThat(store.appendAsync(stream, any(), List.of(new Shipped())).join().version())
        .isEqualTo(1);
  }

  @Test
  void deferred_appends_are_written_by_the_commit_and_not_before() throws Exception {
    AtomicReference<DeferredAppend> second = new AtomicReference<>();
    required.executeWithoutResult(
        status -> {
          deferred().append(stream, noStream(), List.of(new Placed("book")));
          second.set(deferred().append(stream, exactly(1), List.of(new Shipped())));
          assertThat(events()).isEmpty();
          assertThat(second.get().result()).isEmpty();
        });

    assertThat(events()).containsExactly(new Placed("book"), new Shipped());
    AppendResult result = second.get().result().orElseThrow();
    assertThat(result.version()).isEqualTo(2);
    Running<?> view = application.getBean("view", Running.class);
    ((Subscription) view.get()).awaitApplied(result, PATIENCE);
  }

  @Test
  void a_rollback_drops_deferred_appends() {
    AtomicReference<DeferredAppend> dropped = new AtomicReference<>();
    required.executeWithoutResult(
        status -> {
          dropped.set(deferred().append(stream, noStream(), List.of(new Placed("book"))));
          status.setRollbackOnly();
        });

    assertThat(events()).isEmpty();
    assertThat(dropped.get().result()).isEmpty();
  }

  @Test
  void a_conflict_of_a_deferred_append_fails_the_commit_and_rolls_everything_back() {
    place("book");
    AtomicReference<DeferredAppend> first = new AtomicReference<>();
    StreamId another = StreamId.of("order", "another-" + stream.key());

    assertThatThrownBy(
            () ->
                required.executeWithoutResult(
                    status -> {
                      note();
                      first.set(deferred().append(another, any(), List.of(new Shipped())));
                      deferred().append(stream, noStream(), List.of(new Shipped()));
                    }))
        .isInstanceOf(ConflictException.class);

    assertThat(notes()).isZero();
    assertThat(store.read(another)).isEmpty();
    assertThat(first.get().result()).isEmpty();
    assertThat(events()).hasSize(1);
  }

  @Test
  void a_savepoint_that_is_rolled_back_drops_what_was_deferred_behind_it() {
    required.executeWithoutResult(
        status -> {
          deferred().append(stream, any(), List.of(new Placed("outer")));
          template(TransactionDefinition.PROPAGATION_NESTED)
              .executeWithoutResult(
                  nested -> {
                    deferred().append(stream, any(), List.of(new Placed("nested")));
                    nested.setRollbackOnly();
                  });
          deferred().append(stream, any(), List.of(new Placed("after")));
        });

    assertThat(events()).containsExactly(new Placed("outer"), new Placed("after"));
  }

  @Test
  void an_inner_transaction_defers_to_its_own_commit() {
    required.executeWithoutResult(
        status -> {
          deferred().append(stream, any(), List.of(new Placed("outer")));
          template(TransactionDefinition.PROPAGATION_REQUIRES_NEW)
              .executeWithoutResult(
                  inner -> deferred().append(stream, any(), List.of(new Placed("inner"))));
          assertThat(events()).containsExactly(new Placed("inner"));
        });

    assertThat(events()).containsExactly(new Placed("inner"), new Placed("outer"));
  }

  @Test
  void what_is_deferred_while_the_commit_begins_is_written() {
    required.executeWithoutResult(
        status ->
            TransactionSynchronizationManager.registerSynchronization(
                new TransactionSynchronization() {
                  @Override
                  public void beforeCommit(boolean readOnly) {
                    deferred().append(stream, any(), List.of(new Placed("late")));
                  }
                }));

    assertThat(events()).containsExactly(new Placed("late"));
  }

  @Test
  void nothing_is_deferred_without_a_transaction() {
    assertThatThrownBy(() -> deferred().append(stream, any(), List.of(new Shipped())))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("no transaction is active");
  }

  @Test
  void the_plain_store_in_a_transaction_commits_alone_and_warns_once() {
    PostgresEventStore plain = store.unwrap(PostgresEventStore.class).orElseThrow();
    try (Logged logged =
        Logged.by("dev.pgeventstore.postgres.internal.tables.UnjoinedTransactions")) {
      required.executeWithoutResult(status -> place("joined"));
      plain.append(stream, any(), List.of(new Shipped()));
      assertThat(logged.messages()).isEmpty();

      required.executeWithoutResult(
          status -> {
            plain.append(stream, any(), List.of(new Shipped()));
            plain.append(stream, any(), List.of(new Shipped()));
            status.setRollbackOnly();
          });
      assertThat(logged.messages()).hasSize(1).first().asString().contains("is committed alone");
    }
    assertThat(events()).hasSize(4);
  }

  @Test
  void threads_of_an_executor_have_transactions_of_their_own() throws Exception {
    try (SimpleAsyncTaskExecutor executor = new SimpleAsyncTaskExecutor("appends-")) {
      appendFromManyThreads(executor);
    }
  }

  @Test
  @EnabledForJreRange(min = JRE.JAVA_21)
  void virtual_threads_have_transactions_of_their_own() throws Exception {
    try (SimpleAsyncTaskExecutor executor = new SimpleAsyncTaskExecutor("appends-")) {
      executor.setVirtualThreads(true);
      appendFromManyThreads(executor);
    }
  }

  private void appendFromManyThreads(SimpleAsyncTaskExecutor executor) throws Exception {
    List<Future<?>> futures = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      boolean rolledBack = i % 2 == 0;
      futures.add(
          executor.submit(
              () ->
                  required.executeWithoutResult(
                      status -> {
                        note();
                        place("book");
                        if (rolledBack) {
                          status.setRollbackOnly();
                        }
                      })));
    }
    for (Future<?> future : futures) {
      future.get();
    }
    assertThat(events()).hasSize(50);
    assertThat(notes()).isEqualTo(50);
  }
}
