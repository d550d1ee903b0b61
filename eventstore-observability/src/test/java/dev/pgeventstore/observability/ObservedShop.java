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
import java.util.List;
import java.util.Map;

/** A shop with meters and spans, as docs/observability.md shows it. */
final class ObservedShop implements AutoCloseable {

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
    StoreMetrics appends = StoreMetrics.of();
    SubscriptionMetrics subscriptions = SubscriptionMetrics.of();
    RelayMetrics relays = RelayMetrics.of();
    List.of(appends, subscriptions, relays).forEach(metrics -> metrics.bindTo(registry));
    EventTracing tracing = EventTracing.of(openTelemetry);

    EventStore store =
        tracing.store(PostgresEventStore.builder(pool).codec(codec).listener(appends).build());
    Subscription orders =
        Subscriptions.of(store)
            .create("orders")
            .onFailure(FailurePolicy.retry(3).thenPark())
            .listener(subscriptions)
            .handler(tracing.handler(handler))
            .start();
    KafkaRelay relay =
        KafkaRelay.builder(store, kafka).name("shop").topic("shop").listener(relays).start();
    subscriptions.watch(orders);
    relays.watch("shop", relay);
    // end::set_up[]
    this.appends = appends;
    this.subscriptions = subscriptions;
    this.relays = relays;
    this.tracing = tracing;
    this.store = store;
    this.orders = orders;
    this.relay = relay;
  }

  /** A subscription that stops where the other one parks. */
  Subscription startMails(EventHandler handler) {
    Subscription mails =
        Subscriptions.of(store)
            .create("mails")
            .onFailure(FailurePolicy.retry(3).thenStop())
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
