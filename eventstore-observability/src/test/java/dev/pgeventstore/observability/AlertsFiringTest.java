package dev.pgeventstore.observability;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.EventStreams;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.OwnBroker;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.TcpProxy;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What an operator sees, from the meters to the alerts: with a real server of each kind. */
@Tag("faults")
@OwnBroker
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
class AlertsFiringTest {

  /** Alerts wait for up to a minute before they fire. */
  private static final Duration PATIENCE = Duration.ofMinutes(4);

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

  private volatile boolean isMended;

  private final EventHandler handler =
      EventHandler.each(
          (event, batch) -> {
            if (event.type().equals("broken") && !isMended) {
              throw new IllegalStateException("cannot be handled");
            }
          });

  @Test
  void every_state_that_needs_an_operator_fires_an_alert_that_ends_when_it_is_mended(
      Database database, KafkaBroker broker, @TempDir Path folder) throws Exception {
    Path prometheus = Programs.find("prometheus").orElse(null);
    assumeTrue(prometheus != null, "prometheus is not installed");
    assumeTrue(broker.canBeKilled(), "the broker has no proxy");
    createTopic(broker);
    OpenTelemetrySdk openTelemetry =
        OpenTelemetrySdk.builder()
            .setTracerProvider(
                SdkTracerProvider.builder()
                    .addSpanProcessor(SimpleSpanProcessor.create(InMemorySpanExporter.create()))
                    .build())
            .build();
    try (HikariDataSource pool = pool(database.url());
        ObservedShop shop =
            new ObservedShop(
                pool,
                JacksonCodec.of(EventTypes.none()),
                Map.of("bootstrap.servers", broker.proxiedBootstrap()),
                handler,
                registry,
                openTelemetry);
        MetricsServer metrics = new MetricsServer(registry);
        PrometheusServer server = new PrometheusServer(prometheus, folder, metrics.target())) {
      Subscription mails = shop.startMails(handler);
      AppendResult first = append(shop.store, "order-1", "placed");
      shop.orders.awaitApplied(first, PATIENCE);
      mails.awaitApplied(first, PATIENCE);
      shop.relay.awaitPublished(first, PATIENCE);
      assertThat(traceparentInKafka(broker))
          .isEqualTo(
              shop.store
                  .read(StreamId.parse("order-1"))
                  .get(0)
                  .metadata()
                  .get("traceparent")
                  .orElseThrow());
      await().atMost(PATIENCE).until(server::isScraping);
      assertThat(server.firing()).isEmpty();

      append(shop.store, "order-2", "broken");
      awaitFiring(server, "EventstoreEventsParked orders", "EventstoreSubscriptionStopped mails");

      // While it is settled: behind the held mark there is nothing to publish.
      broker.proxy().refuse();
      AppendResult unpublished = append(shop.store, "order-3", "placed");
      await()
          .atMost(PATIENCE)
          .until(() -> shop.relay.status().highWaterMark().compareTo(unpublished.position()) >= 0);
      try (Connection forgotten = database.open()) {
        forgotten.setAutoCommit(false);
        append(shop.store.within(forgotten), "order-4", "placed");
        append(shop.store, "order-5", "placed");
        awaitFiring(
            server,
            "EventstoreEventsParked orders",
            "EventstoreSubscriptionStopped mails",
            "EventstoreRelayNotPublishing shop",
            "EventstoreMarkHeld");
      }
      broker.proxy().restore();
      isMended = true;
      shop.orders.parked().replay();
      mails.close();
      try (Subscription again = shop.startMails(handler)) {
        again.awaitApplied(append(shop.store, "order-6", "placed"), PATIENCE);
        awaitFiring(server);
      }
      await().atMost(PATIENCE).until(() -> shop.complaints().isEmpty());
      assertThat(sample("eventstore_append_seconds_count{outcome=\"committed\"}")).isEqualTo(5);
      assertThat(sample("eventstore_append_seconds_count{outcome=\"written\"}")).isEqualTo(1);
      assertThat(
              sample(
                  "eventstore_subscription_events_total{outcome=\"parked\",subscription=\"orders\"}"))
          .isEqualTo(1);
      await()
          .atMost(PATIENCE)
          .until(() -> sample("eventstore_relay_records_total{relay=\"shop\"}") == 5);
      assertThat(sample("eventstore_relay_failures_total{relay=\"shop\"}")).isPositive();
      assertThat(sample("eventstore_relay_lag{relay=\"shop\"}")).isZero();
      assertThat(expressionsOfTheDashboard())
          .hasSizeGreaterThan(20)
          .allSatisfy(expression -> assertThat(server.series(expression)).isPositive());
    }
  }

  /** With the values that Grafana gives to its variables. */
  private static List<String> expressionsOfTheDashboard() throws IOException {
    return new ObjectMapper()
            .readTree(Files.readString(Programs.ofProject("observability/grafana-dashboard.json")))
            .findValuesAsText("expr")
            .stream()
            .map(expression -> expression.replace("$job", ".*").replace("$__rate_interval", "5m"))
            .toList();
  }

  private static void awaitFiring(PrometheusServer server, String... alerts) {
    await()
        .atMost(PATIENCE)
        .pollInterval(Duration.ofSeconds(1))
        .untilAsserted(() -> assertThat(server.firing()).isEqualTo(Set.of(alerts)));
  }

  private static void createTopic(KafkaBroker broker) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrap()))) {
      admin.createTopics(List.of(new NewTopic("shop", 1, (short) 1))).all().get();
    }
  }

  private static String traceparentInKafka(KafkaBroker broker) {
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker.bootstrap(), "auto.offset.reset", "earliest"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      consumer.assign(List.of(new TopicPartition("shop", 0)));
      List<String> seen = new ArrayList<>();
      await()
          .atMost(PATIENCE)
          .until(
              () -> {
                for (ConsumerRecord<byte[], byte[]> record :
                    consumer.poll(Duration.ofMillis(100))) {
                  Header header = record.headers().lastHeader("traceparent");
                  seen.add(
                      header == null
                          ? record.toString()
                          : new String(header.value(), StandardCharsets.UTF_8));
                }
                return !seen.isEmpty();
              });
      return seen.get(0);
    }
  }

  /** A connection on which nothing arrives any more: asking for a status never ends. */
  @Test
  void meters_are_read_while_the_database_is_silent(Database database) throws Exception {
    Matcher address = Pattern.compile("//[^:/]+:(\\d+)/").matcher(database.url());
    assertThat(address.find()).isTrue();
    try (TcpProxy proxy = TcpProxy.to(Integer.parseInt(address.group(1)));
        HikariDataSource pool =
            pool(database.url().replace(address.group(), "//127.0.0.1:" + proxy.port() + "/"));
        SubscriptionMetrics metrics = SubscriptionMetrics.of();
        EventStore store =
            PostgresEventStore.builder(pool).codec(JacksonCodec.of(EventTypes.none())).build();
        Subscription view =
            Subscriptions.of(store).create("view").listener(metrics).handler(batch -> {}).start()) {
      metrics.bindTo(registry);
      metrics.watch(view);
      view.awaitApplied(append(store, "order-1", "placed"), PATIENCE);
      String healthy = "eventstore_subscription_healthy{subscription=\"view\"}";
      await().atMost(PATIENCE).until(() -> sample(healthy) == 1);

      proxy.freeze();
      await().atMost(PATIENCE).until(() -> sample(healthy) == 0);
      assertThat(metrics.complaints().get("view")).contains("database");
      proxy.restore();
      await().atMost(PATIENCE).until(() -> sample(healthy) == 1);
    }
  }

  private double sample(String name) {
    return registry
        .scrape()
        .lines()
        .filter(line -> line.startsWith(name + ' '))
        .mapToDouble(line -> Double.parseDouble(line.substring(name.length() + 1)))
        .findFirst()
        .orElse(Double.NaN);
  }

  private static HikariDataSource pool(String url) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(url);
    config.setMaximumPoolSize(8);
    config.setMinimumIdle(0);
    return new HikariDataSource(config);
  }

  private static AppendResult append(EventStreams streams, String stream, String type) {
    return streams.append(
        StreamId.parse(stream), ExpectedVersion.any(), List.of(EncodedEvent.of(type, 1, "{}")));
  }
}
