package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.testkit.contracts.ListenerContract;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Which appends a store on PostgreSQL reports to its listener, and how. */
@ExtendWith(PostgresExtension.class)
class StoreListenerTest {

  private static final StreamId ORDER = StreamId.parse("order-1");
  private static final Duration PATIENCE = Duration.ofMinutes(1);

  private final List<Object> heard = new CopyOnWriteArrayList<>();
  private final List<StoreListener.Batch> batches = new CopyOnWriteArrayList<>();
  private TestStore plain;
  private PostgresEventStore store;

  @BeforeEach
  void open(Database database) {
    plain = new TestStore(database);
    store = open(true);
  }

  @AfterEach
  void close() {
    store.close();
    plain.close();
  }

  private PostgresEventStore open(boolean grouping) {
    return PostgresEventStore.builder(plain.pool)
        .codec(JacksonCodec.of(EventTypes.none()))
        .groupAppends(grouping)
        .appendTimeout(Duration.ofMillis(500))
        .listener(new Heard())
        .build();
  }

  @Nested
  class AsAnyStore extends ListenerContract {
    @Override
    protected EventStore newStore(EventCodec codec, StoreListener listener) {
      return PostgresEventStore.builder(plain.pool).codec(codec).listener(listener).build();
    }
  }

  @Nested
  class WithoutGroups extends ListenerContract {
    @Override
    protected EventStore newStore(EventCodec codec, StoreListener listener) {
      return PostgresEventStore.builder(plain.pool)
          .codec(codec)
          .groupAppends(false)
          .listener(listener)
          .build();
    }
  }

  private static Append append(StreamId stream, int events) {
    return Append.to(
        stream, ExpectedVersion.any(), Collections.nCopies(events, TestStore.raw("happened")));
  }

  @Test
  void an_append_in_the_callers_transaction_is_reported_as_written_before_it_is_committed()
      throws SQLException {
    try (Connection connection = plain.begin()) {
      Append append = append(ORDER, 2);
      AppendResult result = store.within(connection).append(append);
      assertThat(heard)
          .singleElement()
          .isInstanceOfSatisfying(
              StoreListener.Written.class,
              told -> {
                assertThat(told.append()).isSameAs(append);
                assertThat(told.events()).isEqualTo(2);
                assertThat(told.result()).isSameAs(result);
                assertThat(told.took()).isPositive();
              });
      heard.clear();
      assertThatThrownBy(
              () ->
                  store
                      .within(connection)
                      .append(
                          ORDER, ExpectedVersion.noStream(), List.of(TestStore.raw("happened"))))
          .isInstanceOf(ConflictException.class);
      assertThat(heard).singleElement().isInstanceOf(StoreListener.Conflicted.class);
      connection.rollback();
    }
    assertThat(heard).hasSize(1);
    assertThat(batches).isEmpty();
  }

  @Test
  void a_batch_is_reported_with_its_appends_and_events() throws Exception {
    List<CompletableFuture<AppendResult>> results = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      results.add(store.appendAsync(append(StreamId.of("order", "" + i), 2)));
    }
    for (CompletableFuture<AppendResult> result : results) {
      assertThat(result.get(1, TimeUnit.MINUTES).version()).isEqualTo(2);
    }
    await()
        .atMost(PATIENCE)
        .until(() -> batches.stream().mapToInt(StoreListener.Batch::appends).sum() == 50);
    assertThat(batches).hasSizeLessThan(50);
    assertThat(batches.stream().mapToInt(StoreListener.Batch::events).sum()).isEqualTo(100);
    assertThat(batches).allMatch(batch -> batch.took().compareTo(Duration.ZERO) > 0);
    assertThat(heard).hasSize(50).allMatch(told -> told instanceof StoreListener.Committed);
  }

  @Test
  void an_append_that_is_sent_alone_is_reported_without_a_batch() {
    store.append(append(ORDER, 20));
    try (PostgresEventStore ungrouped = open(false)) {
      ungrouped.append(append(ORDER, 1));
    }
    assertThat(heard).hasSize(2).allMatch(told -> told instanceof StoreListener.Committed);
    assertThat(batches).isEmpty();
  }

  @Test
  void waiting_for_a_stream_that_another_transaction_holds_is_reported_as_waiting()
      throws Exception {
    store.append(append(ORDER, 1));
    heard.clear();
    CompletableFuture<AppendResult> waiting;
    try (Connection holding = plain.begin()) {
      plain.append("order-1", holding);
      waiting = store.appendAsync(append(ORDER, 1));
      await().atMost(PATIENCE).until(() -> batches.size() > 2);
      holding.commit();
    }
    waiting.get(1, TimeUnit.MINUTES);
    StoreListener.Committed told = (StoreListener.Committed) heard.get(0);
    assertThat(told.waited()).isGreaterThanOrEqualTo(Duration.ofMillis(1));
    assertThat(told.took()).isGreaterThan(told.waited());
  }

  @Test
  void an_unknown_outcome_is_reported_as_a_failure_that_may_be_committed() throws SQLException {
    store.append(append(ORDER, 1));
    heard.clear();
    try (Connection holding = plain.begin()) {
      // A batch waits for no stream, but it does for the table.
      TestStore.execute(holding, "lock table eventstore.events in access exclusive mode");
      assertThatThrownBy(() -> store.append(append(ORDER, 1)))
          .isInstanceOf(OutcomeUnknownException.class);
    }
    assertThat(heard)
        .singleElement()
        .isInstanceOfSatisfying(
            StoreListener.Failed.class, told -> assertThat(told.isOutcomeUnknown()).isTrue());
  }

  /** Records what is reported. */
  private final class Heard implements StoreListener {

    @Override
    public void committed(Committed append) {
      heard.add(append);
    }

    @Override
    public void written(Written append) {
      heard.add(append);
    }

    @Override
    public void conflicted(Conflicted append) {
      heard.add(append);
    }

    @Override
    public void failed(Failed append) {
      heard.add(append);
    }

    @Override
    public void sent(Batch batch) {
      batches.add(batch);
    }
  }
}
