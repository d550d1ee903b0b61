package dev.pgeventstore.testkit.contracts;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.aggregate.Aggregate;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.codec.SnapshotCodec;
import dev.pgeventstore.codec.jackson.JacksonSnapshots;
import dev.pgeventstore.spi.Snapshot;
import dev.pgeventstore.spi.SnapshotAndTail;
import dev.pgeventstore.spi.SnapshotHost;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/**
 * What every store that keeps snapshots does, a {@link SnapshotHost}: JUnit tests for those who
 * implement one. Extend this class, and return a store from {@code newStore}, as with {@link
 * EventStoreContract}.
 */
public abstract class SnapshotContract extends ContractFixture {

  private static final int NO_LIMIT = 1000;

  /** Its state differs if an event is missing, repeated or out of order. */
  record Ledger(long events, long hash) {

    static final Evolution<Ledger, AccountEvent> EVOLUTION =
        Evolution.of(new Ledger(0, 17), Ledger::evolve);

    Ledger evolve(AccountEvent event) {
      return new Ledger(events + 1, 31 * hash + event.hashCode());
    }
  }

  private static final SnapshotCodec<Ledger> CODEC = JacksonSnapshots.of(Ledger.class, "ledger", 2);

  /**
   * Counts, and fails while {@code failing} is set: with an exception first, then with an error.
   */
  private static final class Watched implements SnapshotCodec<Ledger> {

    private final List<Ledger> encoded = new ArrayList<>();
    private int decoded;
    private boolean failing;
    private int failures;

    @Override
    public String name() {
      return CODEC.name();
    }

    @Override
    public int revision() {
      return CODEC.revision();
    }

    @Override
    public byte[] encode(Ledger state) {
      if (failing && failures++ == 0) {
        throw new IllegalStateException("this state cannot be written");
      }
      if (failing) {
        throw new StackOverflowError("this state is nested too deep");
      }
      encoded.add(state);
      return CODEC.encode(state);
    }

    @Override
    public Ledger decode(byte[] json) {
      decoded++;
      return CODEC.decode(json);
    }
  }

  /** For subclasses. */
  protected SnapshotContract() {}

  private SnapshotHost host() {
    return store.unwrap(SnapshotHost.class).orElseThrow();
  }

  private void keep(StreamId stream, String name, int revision, long version, String json) {
    host()
        .keep(stream, Snapshot.of(name, revision, version, json.getBytes(StandardCharsets.UTF_8)));
  }

  /** The version of a snapshot, 0 for none, and the versions of the events that come with it. */
  private List<Long> found(StreamId stream, String name, int revision, long upTo, int limit) {
    SnapshotAndTail found = host().readWithSnapshot(stream, name, revision, upTo, limit);
    List<Long> versions = new ArrayList<>();
    versions.add(found.snapshot().map(Snapshot::version).orElse(0L));
    found.tail().stream().map(RecordedEvent::version).forEach(versions::add);
    return versions;
  }

  private static List<Long> versions(long snapshot, long firstEvent, long lastEvent) {
    return LongStream.concat(LongStream.of(snapshot), LongStream.rangeClosed(firstEvent, lastEvent))
        .boxed()
        .toList();
  }

  private Aggregates<Ledger, AccountEvent> plain() {
    return Aggregates.of(store, category, Ledger.EVOLUTION);
  }

  private void add(Aggregates<Ledger, AccountEvent> ledgers, int events) {
    ledgers.execute("1", ledger -> deposits(events));
  }

  @Test
  void a_snapshot_is_returned_with_the_events_after_it() {
    StreamId stream = stream("1");
    assertThat(found(stream, "a", 1, 9, NO_LIMIT)).isEqualTo(versions(0, 1, 0));
    store.append(stream, any(), deposits(9));
    assertThat(found(stream, "a", 1, Long.MAX_VALUE, NO_LIMIT)).isEqualTo(versions(0, 1, 9));

    keep(stream, "a", 1, 4, "{\"cents\": \"größer\"}");

    SnapshotAndTail found = host().readWithSnapshot(stream, "a", 1, Long.MAX_VALUE, NO_LIMIT);
    assertThat(found.snapshot())
        .hasValueSatisfying(
            snapshot -> {
              assertThat(snapshot.name()).isEqualTo("a");
              assertThat(snapshot.revision()).isEqualTo(1);
              assertThat(snapshot.version()).isEqualTo(4);
              assertThat(new String(snapshot.stateUtf8(), StandardCharsets.UTF_8))
                  .isEqualTo("{\"cents\": \"größer\"}");
            });
    List<RecordedEvent> events = store.read(stream).subList(4, 9);
    assertThat(found.tail())
        .extracting(RecordedEvent::position, RecordedEvent::id, RecordedEvent::payload)
        .isEqualTo(
            events.stream()
                .map(event -> tuple(event.position(), event.id(), event.payload()))
                .toList());
    assertThat(found(stream, "a", 1, Long.MAX_VALUE, 3)).isEqualTo(versions(4, 5, 7));
    assertThat(found(stream, "a", 1, 6, NO_LIMIT)).isEqualTo(versions(4, 5, 6));
    assertThat(found(stream, "a", 1, 4, NO_LIMIT)).isEqualTo(versions(4, 5, 4));
    keep(stream, "a", 1, 9, "{}");
    assertThat(found(stream, "a", 1, Long.MAX_VALUE, NO_LIMIT)).isEqualTo(versions(9, 10, 9));
  }

  @Test
  void a_snapshot_that_does_not_fit_is_ignored() {
    StreamId stream = stream("1");
    store.append(stream, any(), deposits(9));
    store.append(stream("2"), any(), deposits(2));
    keep(stream, "a", 2, 4, "{}");
    assertThat(found(stream, "a", 1, 9, NO_LIMIT)).as("older").isEqualTo(versions(0, 1, 9));
    assertThat(found(stream, "a", 3, 9, NO_LIMIT)).as("newer").isEqualTo(versions(0, 1, 9));
    assertThat(found(stream, "b", 2, 9, NO_LIMIT)).as("other name").isEqualTo(versions(0, 1, 9));
    assertThat(found(stream, "a", 2, 3, NO_LIMIT)).as("too late").isEqualTo(versions(0, 1, 3));
    assertThat(found(stream("2"), "a", 2, 9, 9)).as("other stream").isEqualTo(versions(0, 1, 2));
  }

  @Test
  void a_snapshot_beyond_the_stream_is_not_kept() {
    StreamId stream = stream("1");
    keep(stream, "a", 1, 1, "{}");
    store.append(stream, any(), deposits(2));
    keep(stream, "a", 1, 3, "{}");
    assertThat(found(stream, "a", 1, Long.MAX_VALUE, NO_LIMIT)).isEqualTo(versions(0, 1, 2));
  }

  @Test
  void each_name_has_its_own_snapshot() {
    StreamId stream = stream("1");
    store.append(stream, any(), deposits(5));
    keep(stream, "a", 1, 4, "{}");
    keep(stream, "b", 7, 2, "{}");
    assertThat(found(stream, "a", 1, 5, NO_LIMIT)).isEqualTo(versions(4, 5, 5));
    assertThat(found(stream, "b", 7, 5, NO_LIMIT)).isEqualTo(versions(2, 3, 5));
  }

  @Test
  void a_later_snapshot_is_never_replaced_by_an_earlier_one() throws Exception {
    StreamId stream = stream("1");
    store.append(stream, any(), deposits(100));
    keep(stream, "a", 1, 5, "1");
    keep(stream, "a", 1, 4, "2");
    keep(stream, "a", 2, 5, "3");
    assertThat(found(stream, "a", 1, 100, 1)).isEqualTo(versions(5, 6, 6));
    keep(stream, "a", 2, 6, "4");
    assertThat(found(stream, "a", 1, 100, 1)).isEqualTo(versions(0, 1, 1));
    assertThat(found(stream, "a", 2, 100, 1)).isEqualTo(versions(6, 7, 7));

    List<Integer> order = new ArrayList<>(IntStream.rangeClosed(7, 100).boxed().toList());
    Collections.shuffle(order);
    ExecutorService threads = Executors.newFixedThreadPool(RACERS);
    try {
      List<Future<?>> keeping = new ArrayList<>();
      for (int version : order) {
        keeping.add(threads.submit(() -> keep(stream, "a", 2, version, "5")));
      }
      for (Future<?> kept : keeping) {
        kept.get(1, TimeUnit.MINUTES);
      }
    } finally {
      threads.shutdownNow();
    }
    assertThat(found(stream, "a", 2, 100, 1)).isEqualTo(versions(100, 101, 100));
  }

  @Test
  void snapshots_do_not_change_the_state() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 12; round++) {
      String key = "" + round;
      StreamId stream = stream(key);
      List<Aggregates<Ledger, AccountEvent>> some = new ArrayList<>();
      for (int every : new int[] {1, 2, 7, 50}) {
        some.add(plain().snapshotEvery(every, CODEC));
      }
      some.add(plain().snapshotEvery(3, JacksonSnapshots.of(Ledger.class, "ledger", 1)));
      some.add(plain().snapshotEvery(3, JacksonSnapshots.of(Ledger.class, "another", 1)));
      some.add(plain());
      for (int step = 0; step < 40; step++) {
        List<AccountEvent> events = deposits(random.nextInt(6));
        Aggregates<Ledger, AccountEvent> one = some.get(random.nextInt(some.size()));
        switch (random.nextInt(6)) {
          case 0 -> {
            if (!events.isEmpty()) {
              store.append(stream, any(), events);
            }
          }
          case 1 -> keep(stream, "ledger", 2, 1 + random.nextInt(40), "\"no ledger\"");
          case 2 -> {
            if (step == 20) {
              store.append(stream, any(), deposits(1001));
            }
          }
          default ->
              assertThat(one.execute(key, ledger -> events).aggregate())
                  .as("seed %d", seed)
                  .isEqualTo(plain().load(key));
        }
        Aggregate<Ledger> state = plain().load(key);
        long version = random.nextLong(state.version() + 3);
        Aggregate<Ledger> earlier = plain().load(key, version);
        for (Aggregates<Ledger, AccountEvent> each : some) {
          assertThat(each.load(key)).as("seed %d", seed).isEqualTo(state);
          assertThat(each.load(key, version))
              .as("seed %d, version %d", seed, version)
              .isEqualTo(earlier);
        }
      }
      assertThat(plain().load(key).state().events()).isEqualTo(store.read(stream).size());
    }
  }

  @Test
  void a_snapshot_is_kept_only_when_a_multiple_of_the_interval_has_been_passed() {
    Watched codec = new Watched();
    Aggregates<Ledger, AccountEvent> ledgers = plain().snapshotEvery(10, codec);
    for (int i = 0; i < 45; i++) {
      add(ledgers, 1);
    }
    assertThat(codec.encoded).extracting(Ledger::events).containsExactly(10L, 20L, 30L, 40L);
    add(ledgers, 30);
    ledgers.load("1");
    ledgers.execute("1", ledger -> List.of());
    assertThat(codec.encoded)
        .as("neither a load nor a decision without events keeps a snapshot")
        .hasSize(4);
    add(ledgers, 1);
    add(ledgers, 1);
    assertThat(codec.encoded).extracting(Ledger::events).endsWith(40L, 75L).hasSize(5);
  }

  @Test
  void after_a_change_of_revision_states_are_folded_from_all_events() {
    add(plain().snapshotEvery(5, CODEC), 20);
    add(plain().snapshotEvery(5, CODEC), 1);
    assertThat(found(stream("1"), "ledger", 2, 21, NO_LIMIT)).isEqualTo(versions(20, 21, 21));
    Aggregates<Ledger, AccountEvent> changed =
        Aggregates.of(
                store,
                category,
                Evolution.<Ledger, AccountEvent>of(
                    new Ledger(0, 0), (ledger, event) -> new Ledger(ledger.events() + 2, 0)))
            .snapshotEvery(5, JacksonSnapshots.of(Ledger.class, "ledger", 3));
    assertThat(changed.load("1").state()).isEqualTo(new Ledger(42, 0));
    add(changed, 1);
    assertThat(found(stream("1"), "ledger", 3, 22, NO_LIMIT)).isEqualTo(versions(21, 22, 22));
    assertThat(changed.load("1").state()).isEqualTo(new Ledger(44, 0));
  }

  @Test
  void a_snapshot_that_cannot_be_read_is_ignored_and_replaced() {
    Watched codec = new Watched();
    Aggregates<Ledger, AccountEvent> ledgers = plain().snapshotEvery(5, codec);
    store.append(stream("1"), any(), deposits(20));
    keep(stream("1"), CODEC.name(), CODEC.revision(), 19, "[\"no\", \"ledger\"]");
    Aggregate<Ledger> state = plain().load("1");
    assertThat(ledgers.load("1")).isEqualTo(state);
    add(ledgers, 1);
    int decodedBefore = codec.decoded;
    assertThat(ledgers.load("1")).isEqualTo(plain().load("1"));
    assertThat(codec.decoded).isEqualTo(decodedBefore + 1);
    assertThat(found(stream("1"), CODEC.name(), CODEC.revision(), 21, NO_LIMIT))
        .isEqualTo(versions(20, 21, 21));
  }

  @Test
  void a_state_that_cannot_be_written_does_not_fail_the_command() {
    Watched codec = new Watched();
    codec.failing = true;
    Aggregates<Ledger, AccountEvent> ledgers = plain().snapshotEvery(1, codec);
    add(ledgers, 3);
    add(ledgers, 3);
    add(ledgers, 3);
    assertThat(ledgers.load("1")).isEqualTo(plain().load("1"));
    assertThat(store.read(stream("1"))).hasSize(9);
    assertThat(codec.failures).isEqualTo(2);
    assertThat(codec.decoded).isZero();
  }

  @Test
  void an_interval_below_1_is_refused() {
    assertThatThrownBy(() -> plain().snapshotEvery(0, CODEC))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
