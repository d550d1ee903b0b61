package dev.pgeventstore.examples.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class SubscriptionMetricsTest {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final SubscriptionMetrics metrics = new SubscriptionMetrics();

  @Test
  void reported_figures_are_added_up_by_subscription_and_partition() {
    metrics.applied(new Told(0, 3, Duration.ofMillis(250), false));
    metrics.applied(new Told(0, 4, Duration.ofMillis(500), false));
    metrics.applied(new Told(1, 5, Duration.ofMillis(125), false));
    metrics.leaseTaken(new Told(0));
    metrics.leaseTaken(new Told(1));
    metrics.caughtUp(new Told(0));
    metrics.caughtUp(new Told(1));
    metrics.fellBehind(new Told(1));
    metrics.failed(new Told(0));
    metrics.stopped(new Told(0));
    metrics.leaseTaken(new Told(2));
    metrics.caughtUp(new Told(2));
    metrics.leaseEnded(new Told(2, 0, Duration.ZERO, true));

    assertThat(figures(metrics.text()))
        .containsEntry("events_total{subscription=\"orders\",partition=\"0\"}", 7.0)
        .containsEntry("events_total{subscription=\"orders\",partition=\"1\"}", 5.0)
        .containsEntry("batches_total{subscription=\"orders\",partition=\"0\"}", 2.0)
        .containsEntry("batch_seconds_total{subscription=\"orders\",partition=\"0\"}", 0.75)
        .containsEntry("lease{subscription=\"orders\",partition=\"0\"}", 1.0)
        .containsEntry("lease{subscription=\"orders\",partition=\"2\"}", 0.0)
        .containsEntry("leases_lost_total{subscription=\"orders\",partition=\"2\"}", 1.0)
        .doesNotContainKey("caught_up{subscription=\"orders\",partition=\"2\"}")
        .containsEntry("caught_up{subscription=\"orders\",partition=\"0\"}", 1.0)
        .containsEntry("caught_up{subscription=\"orders\",partition=\"1\"}", 0.0)
        .containsEntry("failures_total{subscription=\"orders\",partition=\"0\"}", 1.0)
        .containsEntry("stops_total{subscription=\"orders\"}", 1.0);
  }

  /** Everything that is reported to a listener about the partitions of one subscription. */
  private record Told(
      String subscription, int partition, List<RecordedEvent> events, Duration took, boolean lost)
      implements SubscriptionListener.Applied,
          SubscriptionListener.Failed,
          SubscriptionListener.LeaseTaken,
          SubscriptionListener.LeaseEnded,
          SubscriptionListener.Stopped {

    Told(int partition) {
      this(partition, 0, Duration.ZERO, false);
    }

    Told(int partition, int events, Duration took, boolean lost) {
      this("orders", partition, Collections.nCopies(events, null), took, lost);
    }

    @Override
    public Position position() {
      return Position.of(9);
    }

    @Override
    public Position highWaterMark() {
      return Position.of(9);
    }

    @Override
    public long epoch() {
      return 1;
    }

    @Override
    public Throwable error() {
      return new IllegalStateException();
    }
  }

  @Test
  void a_name_with_quotes_and_backslashes_does_not_break_the_text() {
    metrics.stopped(new Told("the \"big\" one\\", 0, List.of(), Duration.ZERO, false));

    assertThat(metrics.text())
        .contains(
            "eventstore_subscription_stops_total{subscription=\"the \\\"big\\\" one\\\\\"} 1.0\n");
  }

  @Test
  void a_subscription_that_parks_an_event_shows_it_over_http(Database database) throws Exception {
    try (HikariDataSource pool = pool(database);
        PostgresEventStore store =
            PostgresEventStore.builder(pool).codec(JacksonCodec.of(EventTypes.none())).build();
        Subscription orders =
            Subscriptions.of(store)
                .create("orders")
                .onFailure(
                    FailurePolicy.retry(1)
                        .backOff(Duration.ofMillis(1), Duration.ofMillis(1))
                        .thenPark())
                .listener(metrics)
                .handler(
                    batch -> {
                      if (batch.events().stream().anyMatch(e -> e.type().equals("broken"))) {
                        throw new IllegalStateException("cannot be handled");
                      }
                    })
                .start();
        MetricsServer server = MetricsServer.start(0, metrics::text)) {
      metrics.watch(orders);
      append(store, "order-1", "placed");
      append(store, "order-2", "broken");
      AppendResult last = append(store, "order-3", "placed");
      orders.awaitApplied(last, PATIENCE);

      // Listeners are called after the commit.
      Awaitility.await()
          .atMost(PATIENCE)
          .untilAsserted(
              () ->
                  assertThat(figures(get(server.address())))
                      .containsEntry("events_total{subscription=\"orders\",partition=\"0\"}", 2.0)
                      .containsEntry("parked_total{subscription=\"orders\",partition=\"0\"}", 1.0)
                      .containsEntry("parked{subscription=\"orders\"}", 1.0)
                      .containsEntry("lease{subscription=\"orders\",partition=\"0\"}", 1.0)
                      .containsEntry("caught_up{subscription=\"orders\",partition=\"0\"}", 1.0)
                      .containsEntry("lag{subscription=\"orders\"}", 0.0)
                      .containsEntry("healthy{subscription=\"orders\"}", 0.0)
                      .containsEntry("stops_total{subscription=\"orders\"}", 0.0));
      assertThat(figures(get(server.address())))
          .hasEntrySatisfying(
              "failures_total{subscription=\"orders\",partition=\"0\"}",
              failures -> assertThat(failures).isPositive());
    }
  }

  private static HikariDataSource pool(Database database) {
    HikariConfig config = new HikariConfig();
    config.setDataSource(database.dataSource());
    return new HikariDataSource(config);
  }

  private static AppendResult append(PostgresEventStore store, String stream, String type) {
    return store.append(
        StreamId.parse(stream), ExpectedVersion.any(), List.of(EncodedEvent.of(type, 1, "{}")));
  }

  private static String get(URI address) throws IOException, InterruptedException {
    HttpResponse<String> response =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(address).timeout(PATIENCE).build(),
                HttpResponse.BodyHandlers.ofString());
    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(response.headers().firstValue("Content-Type").orElseThrow())
        .startsWith("text/plain; version=0.0.4");
    return response.body();
  }

  /** The values, by name without the prefix. */
  private static Map<String, Double> figures(String text) {
    return text.lines()
        .filter(line -> !line.startsWith("#"))
        .collect(
            Collectors.toMap(
                line -> line.substring("eventstore_subscription_".length(), line.lastIndexOf(' ')),
                line -> Double.valueOf(line.substring(line.lastIndexOf(' ') + 1))));
  }
}
