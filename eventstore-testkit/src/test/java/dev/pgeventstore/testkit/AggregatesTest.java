package dev.pgeventstore.testkit;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.StreamRange;
import dev.pgeventstore.aggregate.Aggregate;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.aggregate.Execution;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.testkit.contracts.AccountEvent;
import dev.pgeventstore.testkit.contracts.AccountEvent.Deposited;
import dev.pgeventstore.testkit.contracts.AccountEvent.Opened;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class AggregatesTest {

  record Account(boolean open, long cents) {

    static final Evolution<Account, AccountEvent> EVOLUTION =
        Evolution.of(new Account(false, 0), Account::evolve);

    Account evolve(AccountEvent event) {
      if (event instanceof Opened) {
        return new Account(true, cents);
      }
      return event instanceof Deposited deposited
          ? new Account(open, cents + deposited.cents())
          : this;
    }

    List<AccountEvent> deposit(long more) {
      if (!open) {
        throw new IllegalStateException("the account is not open");
      }
      return more == 0 ? List.of() : List.of(new Deposited(more, Instant.EPOCH));
    }
  }

  /** A store in which the next appends are disturbed. */
  private static final class Disturbed implements EventStreams {

    private final EventStreams streams;
    private final Deque<Function<Append, AppendResult>> next = new ArrayDeque<>();
    private final List<StreamRange> reads = new ArrayList<>();

    Disturbed(EventStreams streams) {
      this.streams = streams;
    }

    @Override
    public AppendResult append(Append append) {
      return next.isEmpty() ? streams.append(append) : next.remove().apply(append);
    }

    @Override
    public List<RecordedEvent> read(StreamId stream, StreamRange range) {
      reads.add(range);
      return streams.read(stream, range);
    }

    @Override
    public <T> Optional<T> unwrap(Class<T> type) {
      return streams.unwrap(type);
    }
  }

  private static final StreamId STREAM = StreamId.of("account", "1");

  private final EventStore store =
      InMemoryEventStore.of(JacksonCodec.of(EventTypes.of(AccountEvent.class)));
  private final Disturbed disturbed = new Disturbed(store);
  private final Aggregates<Account, AccountEvent> accounts =
      Aggregates.of(disturbed, "account", Account.EVOLUTION);

  private void given(AccountEvent... events) {
    store.append(STREAM, any(), List.of(events));
  }

  private static Deposited deposited(long cents) {
    return new Deposited(cents, Instant.EPOCH);
  }

  private void thenStored(AccountEvent... events) {
    assertThat(store.read(STREAM))
        .extracting(RecordedEvent::payload)
        .containsExactly((Object[]) events);
  }

  private AppendResult anotherWriterIsFaster(Append append) {
    given(deposited(1000));
    return store.append(append);
  }

  private AppendResult theAnswerIsLost(Append append) {
    store.append(append);
    throw new OutcomeUnknownException("lost after it was committed", new RuntimeException());
  }

  private AppendResult theRequestIsLost(Append append) {
    throw new OutcomeUnknownException("lost before " + append, new RuntimeException());
  }

  private static void assertAt(long version, Account state, Aggregate<Account> loaded) {
    assertThat(loaded.stream()).isEqualTo(STREAM);
    assertThat(loaded.version()).isEqualTo(version);
    assertThat(loaded.state()).isEqualTo(state);
  }

  @Test
  void an_unknown_stream_has_the_initial_state() {
    Aggregate<Account> account = accounts.load("1");
    assertAt(0, new Account(false, 0), account);
    assertThat(account.exists()).isFalse();
    assertThat(account.expected()).isEqualTo(ExpectedVersion.noStream());
  }

  @Test
  void the_state_is_computed_from_the_events_of_its_own_stream() {
    given(new Opened("ann"), deposited(5), deposited(7));
    store.append(StreamId.of("account", "2"), any(), List.of(deposited(100)));
    store.append(StreamId.of("other", "1"), any(), List.of(deposited(100)));
    assertAt(3, new Account(true, 12), accounts.load("1"));
    assertThat(accounts.load("1").expected()).isEqualTo(ExpectedVersion.exactly(3));
  }

  @Test
  void a_stream_is_loaded_as_it_was_at_a_version() {
    given(new Opened("ann"), deposited(5), deposited(7));
    assertAt(0, new Account(false, 0), accounts.load("1", 0));
    assertAt(2, new Account(true, 5), accounts.load("1", 2));
    assertAt(3, new Account(true, 12), accounts.load("1", 9));
    assertThatThrownBy(() -> accounts.load("1", -1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_long_stream_is_read_in_slices() {
    int size = 2_000;
    store.append(STREAM, any(), Collections.nCopies(size, deposited(1)));
    assertThat(accounts.load("1").state().cents()).isEqualTo(size);
    assertThat(accounts.load("1", 1_234).state().cents()).isEqualTo(1_234);
    assertThat(accounts.load("1", 1_000).version()).isEqualTo(1_000);
    assertThat(disturbed.reads).allSatisfy(range -> assertThat(range.limit()).isLessThan(1_000));
  }

  @Test
  void a_decision_is_appended_at_the_version_it_was_made_on() {
    given(new Opened("ann"));
    Execution<Account> execution = accounts.execute("1", account -> account.deposit(5));
    assertThat(execution.state()).isEqualTo(new Account(true, 5));
    assertThat(execution.version()).isEqualTo(2);
    assertThat(execution.aggregate()).isEqualTo(accounts.load("1"));
    assertThat(execution.appended())
        .hasValueSatisfying(
            result ->
                assertThat(result.position()).isEqualTo(store.read(STREAM).get(1).position()));
    thenStored(new Opened("ann"), deposited(5));
  }

  @Test
  void a_stream_may_start_with_a_decision_of_several_events() {
    Execution<Account> execution =
        accounts.execute("1", account -> List.of(new Opened("ann"), deposited(5)));
    assertThat(execution.state()).isEqualTo(new Account(true, 5));
    assertThat(execution.version()).isEqualTo(2);
  }

  @Test
  void a_decision_without_events_appends_nothing() {
    given(new Opened("ann"));
    Execution<Account> execution = accounts.execute("1", account -> account.deposit(0));
    assertThat(execution.appended()).isEmpty();
    assertThat(execution.aggregate()).isEqualTo(accounts.load("1"));
    thenStored(new Opened("ann"));
  }

  @Test
  void metadata_is_on_every_event_of_the_decision() {
    Metadata metadata = Metadata.none().withUserId("ann");
    accounts.execute("1", metadata, account -> List.of(new Opened("ann"), deposited(5)));
    assertThat(store.read(STREAM)).extracting(RecordedEvent::metadata).containsOnly(metadata);
  }

  @Test
  void a_refusal_is_thrown_and_nothing_is_appended() {
    assertThatThrownBy(() -> accounts.execute("1", account -> account.deposit(5)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the account is not open");
    thenStored();
  }

  @Test
  void after_a_conflict_the_command_decides_again_on_the_new_state() {
    given(new Opened("ann"));
    disturbed.next.add(this::anotherWriterIsFaster);
    disturbed.next.add(this::anotherWriterIsFaster);
    List<Long> seen = new ArrayList<>();
    Execution<Account> execution =
        accounts.execute(
            "1",
            account -> {
              seen.add(account.cents());
              return account.deposit(1);
            });
    assertThat(seen).containsExactly(0L, 1000L, 2000L);
    assertThat(execution.state()).isEqualTo(new Account(true, 2001));
    assertThat(execution.version()).isEqualTo(4);
  }

  @Test
  void after_repeated_conflicts_the_command_gives_up() {
    given(new Opened("ann"));
    for (int retries : List.of(0, 3)) {
      List<Account> seen = new ArrayList<>();
      disturbed.next.addAll(Collections.nCopies(retries + 1, this::anotherWriterIsFaster));
      assertThatThrownBy(
              () ->
                  accounts
                      .retries(retries)
                      .execute(
                          "1",
                          account -> {
                            seen.add(account);
                            return account.deposit(1);
                          }))
          .isInstanceOf(ConflictException.class)
          .hasMessageEndingWith(
              "nothing was written"
                  + (retries == 0 ? "" : ", in %d attempts".formatted(retries + 1)));
      assertThat(seen).hasSize(retries + 1).doesNotHaveDuplicates();
    }
    assertThat(accounts.load("1").state().cents()).isEqualTo(5 * 1000);
    assertThatThrownBy(() -> accounts.retries(-1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void an_interrupt_ends_the_retries_and_is_kept() {
    given(new Opened("ann"));
    disturbed.next.add(this::anotherWriterIsFaster);
    Thread.currentThread().interrupt();
    try {
      assertThatThrownBy(() -> accounts.execute("1", account -> account.deposit(1)))
          .isInstanceOf(ConflictException.class);
    } finally {
      assertThat(Thread.interrupted()).isTrue();
    }
    thenStored(new Opened("ann"), deposited(1000));
  }

  @Test
  void after_a_lost_response_the_append_is_retried_and_nothing_is_written_twice() {
    given(new Opened("ann"));
    disturbed.next.add(this::theAnswerIsLost);
    disturbed.next.add(this::theRequestIsLost);
    Execution<Account> execution = accounts.execute("1", account -> account.deposit(5));
    assertThat(execution.appended())
        .hasValueSatisfying(result -> assertThat(result.replayed()).isTrue());
    assertThat(execution.aggregate()).isEqualTo(accounts.load("1"));
    thenStored(new Opened("ann"), deposited(5));
  }

  @Test
  void a_lost_request_is_sent_again() {
    given(new Opened("ann"));
    disturbed.next.add(this::theRequestIsLost);
    accounts.execute("1", account -> account.deposit(5));
    thenStored(new Opened("ann"), deposited(5));
  }

  @Test
  void after_a_lost_request_and_a_conflict_the_command_decides_again() {
    given(new Opened("ann"));
    disturbed.next.add(this::theRequestIsLost);
    disturbed.next.add(this::anotherWriterIsFaster);
    assertThat(accounts.execute("1", account -> account.deposit(account.cents() + 1)).state())
        .isEqualTo(new Account(true, 2001));
  }

  @Test
  void the_outcome_of_a_lost_response_stays_unknown_if_the_retry_fails() {
    given(new Opened("ann"));
    disturbed.next.add(this::theAnswerIsLost);
    disturbed.next.add(
        append -> {
          throw new EventStoreException("no connection, nothing was written");
        });
    assertThatThrownBy(() -> accounts.execute("1", account -> account.deposit(5)))
        .isInstanceOf(OutcomeUnknownException.class)
        .hasMessage("lost after it was committed")
        .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
    disturbed.next.addAll(Collections.nCopies(3, this::theRequestIsLost));
    assertThatThrownBy(() -> accounts.retries(2).execute("1", account -> account.deposit(5)))
        .isInstanceOf(OutcomeUnknownException.class);
    assertThat(disturbed.next).isEmpty();
  }

  @Test
  void no_deposit_is_lost_among_many_threads() throws Exception {
    int threads = 16;
    int deposits = 20;
    given(new Opened("ann"));
    Aggregates<Account, AccountEvent> shared =
        Aggregates.of(store, "account", Account.EVOLUTION).retries(1000);
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try {
      List<Future<?>> futures = new ArrayList<>();
      for (int i = 0; i < threads; i++) {
        futures.add(
            executor.submit(
                () -> {
                  for (int n = 0; n < deposits; n++) {
                    shared.execute("1", account -> account.deposit(1));
                  }
                }));
      }
      for (Future<?> future : futures) {
        future.get(1, TimeUnit.MINUTES);
      }
    } finally {
      executor.shutdownNow();
    }
    assertThat(shared.load("1").state().cents()).isEqualTo(threads * deposits);
  }
}
