package dev.pgeventstore.testkit;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.spi.SubscriptionHost;
import dev.pgeventstore.spi.SubscriptionSpec;
import dev.pgeventstore.subscription.QueryMismatchException;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.Subscription;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The subscriptions of a store: the running ones, and the state of all. Safe for many threads. */
final class InMemorySubscriptions implements SubscriptionHost {

  private final InMemoryLog log;
  private final HandlerTransactions transactions;
  private final Monitor monitor;
  private final Map<String, SubscriptionState> states = new HashMap<>();
  private final List<InMemorySubscription> running = new ArrayList<>();
  private boolean closed;

  InMemorySubscriptions(InMemoryLog log, HandlerTransactions transactions, Monitor monitor) {
    this.log = log;
    this.transactions = transactions;
    this.monitor = monitor;
  }

  @Override
  public Subscription start(SubscriptionSpec spec) {
    InMemorySubscription subscription =
        monitor.change(
            () -> {
              InMemorySubscription started =
                  new InMemorySubscription(spec, prepare(spec), log, transactions, monitor);
              running.add(started);
              return started;
            });
    subscription.start();
    return subscription;
  }

  private SubscriptionState prepare(SubscriptionSpec spec) {
    if (closed) {
      throw new IllegalStateException("the event store is closed");
    }
    running.removeIf(InMemorySubscription::hasEnded);
    if (running.stream().anyMatch(other -> other.name().equals(spec.name()))) {
      throw new IllegalStateException(
          "subscription %s runs in this store already".formatted(spec.name()));
    }
    SubscriptionState state = states.get(spec.name());
    if (state == null) {
      state =
          new SubscriptionState(
              spec.query().canonicalText(), spec.partitions(), startOf(spec.start()));
      states.put(spec.name(), state);
    }
    declare(spec, state);
    state.failure = null;
    return state;
  }

  private static void declare(SubscriptionSpec spec, SubscriptionState state) {
    String query = spec.query().canonicalText();
    String declared = state.query;
    if (!declared.equals(query)
        && spec.replaced().stream().map(EventQuery::canonicalText).noneMatch(declared::equals)) {
      throw new QueryMismatchException(
          "subscription %s is declared with the query [%s], and this one declares [%s]: it was not started. To change the query, call replacing(the declared one) on the builder; for a subscription of its own, take another name"
              .formatted(spec.name(), declared, query),
          declared,
          query);
    }
    state.query = query;
  }

  private long startOf(Start start) {
    Position mark = log.highWaterMark();
    if (start.time().isPresent()) {
      return log.firstSince(start.time().get())
          .map(event -> event.position().value() - 1)
          .orElse(mark.value());
    }
    Position position = start.position().orElse(mark);
    if (position.isAfter(mark)) {
      throw new IllegalArgumentException(
          "start %s lies beyond the high-water mark %s".formatted(position, mark));
    }
    return position.value();
  }

  /** The state of a subscription. Under the monitor. */
  Optional<SubscriptionState> state(String name) {
    return Optional.ofNullable(states.get(name));
  }

  /** Removes a subscription; if it runs, it stops with an error. */
  void remove(String name) {
    monitor.change(
        () -> {
          SubscriptionState state = states.remove(name);
          if (state != null) {
            state.removed = true;
          }
        });
  }

  Position position(String name) {
    return monitor.read(() -> state(name).map(SubscriptionState::position).orElse(Position.START));
  }

  @Override
  public Position position(String name, Connection connection) {
    return position(name);
  }

  void close() {
    List<InMemorySubscription> toClose =
        monitor.change(
            () -> {
              closed = true;
              return List.copyOf(running);
            });
    // Ask all to stop before waiting for the first: its handler may wait for the end of another
    // one.
    toClose.forEach(InMemorySubscription::askToStop);
    toClose.forEach(InMemorySubscription::join);
  }
}
