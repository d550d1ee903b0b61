package dev.pgeventstore.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.AppendLostException;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import java.lang.reflect.Proxy;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/** Waiting for an append at a reader that may stand in a history that is over. */
class AppendWaitTest {

  private static final Duration SOON = Duration.ofSeconds(1);
  private static final Position AT = Position.of(101);

  /** Where the server is, from one question to the next; it stays in the last one. */
  private final Deque<String> incarnations = new ArrayDeque<>();

  private Optional<Position> found = Optional.of(AT);

  /** The incarnations in which the reader stands, from one wait to the next. */
  private final Deque<String> reader = new ArrayDeque<>();

  /** What comes in place of an answer, from one question to the next. */
  private final Deque<EventStoreException> failures = new ArrayDeque<>();

  private int waits;

  @Test
  void an_append_passed_in_the_incarnation_of_its_sending_is_not_looked_up() throws Exception {
    incarnations.add("a");
    reader.add("a");
    found = Optional.empty();

    await(appendSentIn("a"));

    assertThat(waits).isEqualTo(1);
  }

  @Test
  void a_reader_in_a_lost_history_has_passed_nothing_of_the_next() throws Exception {
    // Sent right after a failover that was not observed yet: the known incarnation was the old one.
    incarnations.add("b");
    reader.addAll(List.of("a", "b"));

    await(appendSentIn("a"));

    assertThat(waits).isEqualTo(2);
  }

  @Test
  void waiting_for_a_reader_that_stays_in_a_lost_history_times_out() {
    incarnations.add("b");
    reader.add("a");

    assertThatThrownBy(() -> await(appendSentIn("a"))).isInstanceOf(TimeoutException.class);
  }

  @Test
  void an_append_lost_by_a_failover_is_reported_even_if_another_event_has_its_position() {
    incarnations.add("b");
    reader.add("b");
    found = Optional.empty();

    assertThatThrownBy(() -> await(appendSentIn("a"))).isInstanceOf(AppendLostException.class);
  }

  @Test
  void waiting_for_an_append_that_survived_a_restart_uses_its_current_position() throws Exception {
    incarnations.add("b");
    reader.addAll(List.of("b", "b"));
    found = Optional.of(Position.of(AT.value() + 5));

    await(appendSentIn("a"));

    assertThat(waits).isEqualTo(2);
  }

  @Test
  void a_restart_during_the_look_up_causes_another_look_up() throws Exception {
    incarnations.addAll(List.of("b", "c"));
    reader.addAll(List.of("b", "b", "c"));

    await(appendSentIn("a"));

    assertThat(waits).isEqualTo(3);
  }

  @Test
  void a_lost_connection_is_not_a_result() throws Exception {
    incarnations.add("b");
    reader.addAll(List.of("b", "b", "b"));
    failures.add(failure("08006"));
    failures.add(failure("57P01"));

    await(appendSentIn("a"));

    assertThat(failures).isEmpty();
  }

  @Test
  void a_query_that_cannot_succeed_is_not_repeated() {
    incarnations.add("b");
    reader.add("b");
    EventStoreException refused = failure("42501");
    failures.add(refused);
    failures.add(failure("42501"));

    assertThatThrownBy(() -> await(appendSentIn("a"))).isSameAs(refused);
    assertThat(failures).hasSize(1);
  }

  private static EventStoreException failure(String state) {
    return new EventStoreException("no answer", new SQLException("no answer", state));
  }

  private void await(AppendResult append) throws Exception {
    new AppendWait(feed(), this::await).until(append, SOON);
  }

  private String await(Position position, String over, Duration timeout) throws TimeoutException {
    waits++;
    String incarnation = reader.size() > 1 ? reader.remove() : reader.element();
    if (incarnation.equals(over)) {
      throw new TimeoutException("it still stands in incarnation " + over);
    }
    return incarnation;
  }

  private static AppendResult appendSentIn(String incarnation) {
    AppendResult.Part part = AppendResult.Part.of(1, 1, new UUID(0, 1));
    return AppendResult.of(AT, Map.of(StreamId.of("order", "1"), part), false, incarnation);
  }

  private EventFeed feed() {
    return (EventFeed)
        Proxy.newProxyInstance(
            EventFeed.class.getClassLoader(),
            new Class<?>[] {EventFeed.class},
            (proxy, method, arguments) -> {
              if (!failures.isEmpty()) {
                throw failures.remove();
              }
              return switch (method.getName()) {
                case "incarnation" ->
                    incarnations.size() > 1 ? incarnations.remove() : incarnations.element();
                case "find" -> found;
                default -> throw new UnsupportedOperationException(method.getName());
              };
            });
  }
}
