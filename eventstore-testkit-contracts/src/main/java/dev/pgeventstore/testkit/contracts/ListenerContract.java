package dev.pgeventstore.testkit.contracts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventIdReusedException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.StreamId;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Which appends are reported to a store's listener, and how. */
public abstract class ListenerContract extends ContractFixture {

  private final Heard heard = new Heard();
  private volatile Runnable then = () -> {};

  /** For subclasses. */
  protected ListenerContract() {}

  /**
   * Opens the store to be tested.
   *
   * @param codec of the events
   * @param listener of the store
   * @return a store; the test closes it
   */
  protected abstract EventStore newStore(EventCodec codec, StoreListener listener);

  @Override
  protected final EventStore newStore(EventCodec codec) {
    return newStore(codec, heard);
  }

  @AfterEach
  void clearInterrupt() {
    boolean unused = Thread.interrupted();
  }

  @Test
  void a_committed_append_is_reported_to_the_listener_with_its_result_and_its_times() {
    Append append =
        Append.to(stream("a"), ExpectedVersion.noStream(), deposits(2))
            .and(stream("b"), ExpectedVersion.any(), deposits(1));
    AppendResult result = store.append(append);

    StoreListener.Committed told = heard.only(StoreListener.Committed.class);
    assertThat(told.append()).isSameAs(append);
    assertThat(told.events()).isEqualTo(3);
    assertThat(told.result()).isSameAs(result);
    assertTimes(told);
  }

  private static void assertTimes(StoreListener.OfAppend told) {
    assertThat(told.waited()).isGreaterThanOrEqualTo(Duration.ZERO);
    assertThat(told.took()).isGreaterThanOrEqualTo(told.waited()).isPositive();
  }

  @Test
  void a_retry_of_a_committed_append_is_reported_to_the_listener_as_committed_and_as_a_retry() {
    Append append = Append.to(stream("a"), ExpectedVersion.noStream(), deposits(1));
    store.append(append);
    store.append(append);

    assertThat(heard.all).hasSize(2).allMatch(told -> told instanceof StoreListener.Committed);
    assertThat(((StoreListener.Committed) heard.all.get(1)).result().replayed()).isTrue();
  }

  @Test
  void a_conflict_is_reported_to_the_listener_as_a_conflict_not_as_a_failure() {
    StreamId stream = stream("a");
    Append append = Append.to(stream, ExpectedVersion.exactly(7), deposits(1));
    assertThatThrownBy(() -> store.append(append)).isInstanceOf(ConflictException.class);

    StoreListener.Conflicted told = heard.only(StoreListener.Conflicted.class);
    assertThat(told.append()).isSameAs(append);
    assertThat(told.conflict().streams())
        .singleElement()
        .satisfies(conflict -> assertThat(conflict.stream()).isEqualTo(stream));
    assertTimes(told);
  }

  @Test
  void another_failure_is_reported_to_the_listener_with_the_exception_that_the_caller_gets() {
    NewEvent event = NewEvent.of(deposited(1));
    append(stream("a"), event);
    heard.all.clear();
    Append other =
        Append.to(
            stream("a"),
            ExpectedVersion.noStream(),
            List.of(NewEvent.of(deposited(2)).withId(event.id())));
    assertThatThrownBy(() -> store.append(other)).isInstanceOf(EventIdReusedException.class);

    StoreListener.Failed told = heard.only(StoreListener.Failed.class);
    assertThat(told.append()).isSameAs(other);
    assertThat(told.error()).isInstanceOf(EventIdReusedException.class);
    assertThat(told.isOutcomeUnknown()).isFalse();
    assertTimes(told);
  }

  @Test
  void an_append_that_cannot_be_encoded_is_not_reported_to_the_listener() {
    assertThatThrownBy(() -> append(stream("a"), "of no registered type"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(heard.all).isEmpty();
  }

  @Test
  void an_append_is_reported_to_the_listener_before_its_future_completes() throws Exception {
    Append append = Append.to(stream("a"), ExpectedVersion.noStream(), deposits(1));
    CompletableFuture<List<Object>> toldByThen =
        store.appendAsync(append).thenApply(result -> List.copyOf(heard.all));
    assertThat(toldByThen.get(1, TimeUnit.MINUTES))
        .singleElement()
        .isInstanceOf(StoreListener.Committed.class);

    heard.all.clear();
    Append other = Append.to(stream("a"), ExpectedVersion.noStream(), deposits(1));
    CompletableFuture<List<Object>> toldOfConflict =
        store
            .appendAsync(other)
            .handle(
                (result, failure) -> {
                  assertThat(failure).isInstanceOf(ConflictException.class);
                  return List.copyOf(heard.all);
                });
    assertThat(toldOfConflict.get(1, TimeUnit.MINUTES))
        .singleElement()
        .isInstanceOf(StoreListener.Conflicted.class);
  }

  @Test
  void exceptions_of_a_listener_and_interrupts_that_it_leaves_behind_change_nothing()
      throws Exception {
    then =
        () -> {
          Thread.currentThread().interrupt();
          throw new IllegalStateException("deaf");
        };
    assertThat(append(stream("a"), deposited(1)).version()).isEqualTo(1);
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
    Append more = Append.to(stream("a"), ExpectedVersion.exactly(1), deposits(1));
    assertThat(store.appendAsync(more).get(1, TimeUnit.MINUTES).version()).isEqualTo(2);
    assertThatThrownBy(() -> store.append(stream("a"), ExpectedVersion.noStream(), deposits(1)))
        .isInstanceOf(ConflictException.class);
    assertThat(heard.all).hasSize(3);

    then = Thread::interrupted;
    Thread.currentThread().interrupt();
    // An interrupt of the caller is kept, even if the listener clears it.
    assertThatThrownBy(() -> store.append(stream("a"), ExpectedVersion.noStream(), deposits(1)))
        .isInstanceOf(RuntimeException.class);
    assertThat(Thread.interrupted()).isTrue();
  }

  /** Records what is reported. */
  private final class Heard implements StoreListener {

    final List<Object> all = new CopyOnWriteArrayList<>();

    private void hear(Object told) {
      all.add(told);
      then.run();
    }

    <T> T only(Class<T> type) {
      assertThat(all).singleElement().isInstanceOf(type);
      return type.cast(all.get(0));
    }

    @Override
    public void committed(Committed append) {
      hear(append);
    }

    @Override
    public void written(Written append) {
      hear(append);
    }

    @Override
    public void conflicted(Conflicted append) {
      hear(append);
    }

    @Override
    public void failed(Failed append) {
      hear(append);
    }
  }
}
