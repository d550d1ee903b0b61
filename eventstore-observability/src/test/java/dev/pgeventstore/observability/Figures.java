package dev.pgeventstore.observability;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Blocker;
import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.RelayStatus;
import dev.pgeventstore.kafka.consumer.ConsumerStatus;
import dev.pgeventstore.subscription.ParkedEvents;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionStatus;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.kafka.common.TopicPartition;

/** Statuses that tests make up. */
final class Figures {

  private Figures() {}

  /** A subscription with a status of the test's. */
  record Scripted(String name, Supplier<SubscriptionStatus> statuses) implements Subscription {
    @Override
    public SubscriptionStatus status() {
      return statuses.get();
    }

    @Override
    public ParkedEvents parked() {
      throw new UnsupportedOperationException();
    }

    @Override
    public void awaitApplied(AppendResult append, Duration timeout) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
  }

  record OfSubscription(
      State state,
      Position position,
      Position highWaterMark,
      Optional<Throwable> error,
      List<Partition> partitions,
      long parked,
      List<Blocker> blockers,
      Optional<String> complaint)
      implements SubscriptionStatus {

    static OfSubscription healthy(long position, long mark, Partition... partitions) {
      return new OfSubscription(
          State.RUNNING,
          Position.of(position),
          Position.of(mark),
          Optional.empty(),
          List.of(partitions),
          0,
          List.of(),
          Optional.empty());
    }

    /** As a store reports it when its database cannot be asked. */
    static OfSubscription unreachable() {
      return new OfSubscription(
          State.RUNNING,
          Position.START,
          Position.of(1_000),
          Optional.of(new IllegalStateException("refused")),
          List.of(),
          0,
          List.of(),
          Optional.of("the database cannot be asked: refused"));
    }

    OfSubscription in(State other) {
      return new OfSubscription(
          other, position, highWaterMark, error, partitions, parked, blockers, complaint);
    }

    OfSubscription heldBy(Blocker... holding) {
      return new OfSubscription(
          state, position, highWaterMark, error, partitions, parked, List.of(holding), complaint);
    }

    OfSubscription parking(long events) {
      return new OfSubscription(
          state,
          position,
          highWaterMark,
          error,
          partitions,
          events,
          blockers,
          Optional.of(events + " events are parked"));
    }
  }

  record OfPartition(int number, Duration behind) implements SubscriptionStatus.Partition {
    @Override
    public SubscriptionStatus.State state() {
      return SubscriptionStatus.State.RUNNING;
    }

    @Override
    public Position position() {
      return Position.START;
    }

    @Override
    public long lag() {
      return 0;
    }

    @Override
    public Optional<String> owner() {
      return Optional.of("here");
    }

    @Override
    public long epoch() {
      return 1;
    }

    @Override
    public Duration lease() {
      return Duration.ofSeconds(15);
    }

    @Override
    public Optional<String> error() {
      return Optional.empty();
    }
  }

  /** Of a session of another role: its age is not shown. */
  record Holding() implements Blocker {
    @Override
    public Optional<Integer> pid() {
      return Optional.of(4711);
    }

    @Override
    public Optional<String> prepared() {
      return Optional.empty();
    }

    @Override
    public String user() {
      return "other";
    }

    @Override
    public String application() {
      return "";
    }

    @Override
    public Duration age() {
      return Duration.ZERO;
    }

    @Override
    public String state() {
      return "";
    }

    @Override
    public String query() {
      return "";
    }
  }

  record OfLane(int lane, RelayStatus.State state) implements RelayStatus.Lane {
    @Override
    public Optional<String> reason() {
      return Optional.empty();
    }

    @Override
    public Position position() {
      return Position.of(70);
    }
  }

  record OfConsumer(State state, Map<TopicPartition, PartitionStatus> partitions)
      implements ConsumerStatus {
    @Override
    public Optional<String> reason() {
      return Optional.empty();
    }

    @Override
    public long handled() {
      return 50;
    }

    @Override
    public long repeated() {
      return 4;
    }

    @Override
    public long deadLetters() {
      return 2;
    }

    @Override
    public Optional<String> complaint() {
      return partitions.values().stream().anyMatch(PartitionStatus::isStopped)
          ? Optional.of("a partition has stopped")
          : Optional.empty();
    }
  }

  record OfTopicPartition(ConsumerStatus.PartitionState state, Duration standsFor)
      implements ConsumerStatus.PartitionStatus {
    @Override
    public Optional<Long> nextOffset() {
      return Optional.empty();
    }

    @Override
    public int attempts() {
      return 0;
    }

    @Override
    public Optional<Blocker> waitsFor() {
      return Optional.empty();
    }

    @Override
    public Optional<String> failure() {
      return Optional.empty();
    }
  }

  record OfRelay(State state, Optional<String> complaint, List<Blocker> blockers)
      implements RelayStatus {

    static OfRelay in(State state) {
      return new OfRelay(state, Optional.empty(), List.of());
    }

    @Override
    public Optional<String> reason() {
      return complaint;
    }

    @Override
    public Position position() {
      return Position.of(70);
    }

    @Override
    public Position highWaterMark() {
      return Position.of(100);
    }

    @Override
    public long transactions() {
      return 11;
    }

    @Override
    public long aborts() {
      return 2;
    }

    @Override
    public long fenced() {
      return 1;
    }

    @Override
    public long eventsSent() {
      return 60;
    }

    @Override
    public long messagesSent() {
      return 5;
    }

    @Override
    public long recordsSent() {
      return 66;
    }

    @Override
    public int parkedStreams() {
      return 3;
    }

    @Override
    public Duration behindFor() {
      return Duration.ofSeconds(90);
    }

    @Override
    public Duration lastTransaction() {
      return Duration.ofMillis(8);
    }

    @Override
    public int lastTransactionRecords() {
      return 6;
    }

    @Override
    public List<Lane> lanes() {
      return List.of(new OfLane(0, state), new OfLane(1, State.STANDBY));
    }
  }
}
