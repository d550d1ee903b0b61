package dev.pgeventstore.observability;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Append;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.StoreListener;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.sql.Connection;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class StoreMetricsTest {

  private static final StreamId ANN = StreamId.of("account", "ann");
  private static final StreamId BEN = StreamId.of("account", "ben");

  private final MeterRegistry registry = new SimpleMeterRegistry();

  @Test
  void appends_are_counted_by_their_outcomes(Database database) throws Exception {
    try (StoreMetrics metrics = StoreMetrics.of();
        EventStore store = store(database, metrics);
        Connection connection = database.open()) {
      metrics.bindTo(registry);
      Append append = Append.to(ANN, ExpectedVersion.noStream(), events(3));
      store.append(append);
      store.append(append);
      assertThatThrownBy(() -> store.append(ANN, ExpectedVersion.noStream(), events(1)))
          .isInstanceOf(ConflictException.class);
      store.appendAsync(BEN, ExpectedVersion.any(), events(2)).get(1, TimeUnit.MINUTES);
      connection.setAutoCommit(false);
      store.within(connection).append(BEN, ExpectedVersion.any(), events(4));
      connection.rollback();

      assertThat(appends("committed").count()).isEqualTo(2);
      assertThat(appends("replayed").count()).isEqualTo(1);
      assertThat(appends("conflicted").count()).isEqualTo(1);
      assertThat(appends("written").count()).isEqualTo(1);
      assertThat(appends("failed").count()).isZero();
      assertThat(events("committed")).isEqualTo(5);
      assertThat(events("written")).isEqualTo(4);
      assertThat(appends("committed").totalTime(TimeUnit.NANOSECONDS)).isPositive();
      assertThat(registry.get("eventstore.append.wait").timer().count()).isEqualTo(5);
      // All but the one in the caller's transaction. Reported after the result was.
      assertThat(registry.get("eventstore.append.batch").timer().count()).isBetween(3L, 4L);
      assertThat(registry.get("eventstore.append.batch.appends").summary().max()).isEqualTo(1);
      assertThat(registry.get("eventstore.append.batch.events").summary().max()).isEqualTo(3);
    }
    assertThat(registry.getMeters()).isEmpty();
  }

  @Test
  void an_unknown_outcome_is_not_a_failure() {
    StoreMetrics metrics = StoreMetrics.of(Tag.of("store", "orders"));
    metrics.bindTo(registry);
    metrics.failed(new Ended(new OutcomeUnknownException("lost", new IllegalStateException())));
    metrics.failed(new Ended(new EventStoreException("refused", new IllegalStateException())));
    metrics.failed(new Ended(new EventStoreException("refused", new IllegalStateException())));

    assertThat(appends("unknown").count()).isEqualTo(1);
    assertThat(appends("failed").count()).isEqualTo(2);
    assertThat(appends("failed").max(TimeUnit.MILLISECONDS)).isEqualTo(7);
    assertThat(registry.get("eventstore.append.wait").timer().max(TimeUnit.MILLISECONDS))
        .isEqualTo(5);
    assertThat(registry.getMeters())
        .allSatisfy(meter -> assertThat(meter.getId().getTag("store")).isEqualTo("orders"));
  }

  @Test
  void each_registry_gets_the_meters_and_closing_removes_them_from_all() {
    MeterRegistry other = new SimpleMeterRegistry();
    StoreMetrics metrics = StoreMetrics.of();
    metrics.bindTo(registry);
    metrics.bindTo(other);
    metrics.sent(new Sent());
    assertThat(registry.get("eventstore.append.batch.appends").summary().totalAmount())
        .isEqualTo(6);
    assertThat(other.get("eventstore.append.batch.appends").summary().totalAmount()).isEqualTo(6);

    metrics.close();
    metrics.sent(new Sent());
    assertThat(registry.getMeters()).isEmpty();
    assertThat(other.getMeters()).isEmpty();
  }

  private static EventStore store(Database database, StoreListener listener) {
    return PostgresEventStore.builder(database.dataSource())
        .codec(JacksonCodec.of(EventTypes.none()))
        .listener(listener)
        .build();
  }

  private static List<EncodedEvent> events(int count) {
    return Collections.nCopies(count, EncodedEvent.of("happened", 1, "{}"));
  }

  private Timer appends(String outcome) {
    return registry.get("eventstore.append").tag("outcome", outcome).timer();
  }

  private double events(String outcome) {
    return registry.get("eventstore.append.events").tag("outcome", outcome).counter().count();
  }

  private record Ended(Throwable error) implements StoreListener.Failed {
    @Override
    public Append append() {
      return Append.to(ANN, ExpectedVersion.any(), StoreMetricsTest.events(1));
    }

    @Override
    public Duration waited() {
      return Duration.ofMillis(5);
    }

    @Override
    public Duration took() {
      return Duration.ofMillis(7);
    }
  }

  private record Sent() implements StoreListener.Batch {
    @Override
    public int appends() {
      return 6;
    }

    @Override
    public int events() {
      return 9;
    }

    @Override
    public Duration took() {
      return Duration.ofMillis(1);
    }
  }
}
