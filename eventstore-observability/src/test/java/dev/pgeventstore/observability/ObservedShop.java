package dev.pgeventstore.observability;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.kafka.KafkaRelay;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import io.micrometer.core.instrument.MeterRegistry;
import io.opentelemetry.api.OpenTelemetry;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** A shop with meters and spans, as docs/observability.md shows it. */
final class ObservedShop implements AutoCloseable {

  private static final FailurePolicy.Retries ONCE =
      FailurePolicy.retry(1).backOff(Duration.ofMillis(1), Duration.ofMillis(1));

  private final StoreMetrics appends;
  private final SubscriptionMetrics subscriptions;
  private final RelayMetrics relays;
  private final EventTracing tracing;
  final EventStore store;
  final Subscription orders;
  final KafkaRelay relay;

  ObservedShop(
      HikariDataSource pool,
      EventCodec codec,
      Map<String, ?> kafka,
      EventHandler handler,
      MeterRegistry registry,
      OpenTelemetry openTelemetry) {
    // tag::set_up[]
    appends = StoreMetrics.of();
    subscriptions = SubscriptionMetrics.of();
    relays = RelayMetrics.of();
    List.of(appends, subscriptions, relays).forEach(metrics -> metrics.bindTo(registry));
    tracing = EventTracing.of(openTelemetry);

    store =
        tracing.store(
            PostgresEventStore.builder(pool).codec(codec).listener(appends).build());
    orders =
        Subscriptions.of(store)
            .create("orders")
            .onFailure(ONCE.thenPark())
            .listener(subscriptions)
            .handler(tracing.handler(handler))
            .start();
    relay =
        KafkaRelay.builder(store, kafka)
            .name("shop")
            .topic("shop")
            .unhealthyAfter(Duration.ofSeconds(10))
            .listener(relays)
            .start();
    subscriptions.watch(orders);
    relays.watch("shop", relay);
    // end::set_up[]
  }

  /** A subscription that stops where the other one parks. */
  Subscription startMails(EventHandler handler) {
    Subscription mails =
        Subscriptions.of(store)
            .create("mails")
            .onFailure(ONCE.thenStop())
            .listener(subscriptions)
            .handler(tracing.handler(handler))
            .start();
    subscriptions.watch(mails);
    return mails;
  }

  Map<String, String> complaints() {
    return subscriptions.complaints();
  }

  @Override
  public void close() {
    relay.close();
    orders.close();
    store.close();
    relays.close();
    subscriptions.close();
    appends.close();
  }
}
