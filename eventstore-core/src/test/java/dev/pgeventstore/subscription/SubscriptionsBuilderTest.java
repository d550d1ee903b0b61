package dev.pgeventstore.subscription;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.spi.SubscriptionHost;
import dev.pgeventstore.spi.SubscriptionSpec;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SubscriptionsBuilderTest {

  private final List<SubscriptionSpec> started = new ArrayList<>();

  private final EventStore store =
      (EventStore)
          Proxy.newProxyInstance(
              EventStore.class.getClassLoader(),
              new Class<?>[] {EventStore.class, SubscriptionHost.class},
              (proxy, method, arguments) -> {
                if (method.getName().equals("unwrap")) {
                  return Optional.of(proxy);
                }
                started.add((SubscriptionSpec) arguments[0]);
                return null;
              });

  @Test
  void changing_a_builder_after_start_changes_nothing_that_was_started() {
    EventHandler handler = batch -> {};
    EventQuery earlier = EventQuery.all().types("old");
    Subscriptions.Builder builder =
        Subscriptions.of(store).create("view").replacing(earlier).handler(handler);
    Subscription unused = builder.start();
    builder
        .query(EventQuery.all().categories("order"))
        .replacing(EventQuery.all())
        .startAt(Start.end())
        .batchSize(7)
        .partitions(8)
        .onFailure(FailurePolicy.stop())
        .leaseTime(Duration.ofHours(1))
        .unhealthyAfter(Duration.ofSeconds(Long.MAX_VALUE))
        .listener(new SubscriptionListener() {})
        .handler(batch -> {});

    SubscriptionSpec spec = started.get(0);
    assertThat(spec.query()).isEqualTo(EventQuery.all());
    assertThat(spec.replaced()).containsExactly(earlier);
    assertThat(spec.start()).isSameAs(Start.beginning());
    assertThat(spec.batchSize()).isEqualTo(500);
    assertThat(spec.partitions()).isEqualTo(1);
    assertThat(spec.failurePolicy().retries()).isEqualTo(3);
    assertThat(spec.leaseTime()).isEqualTo(Duration.ofSeconds(15));
    assertThat(spec.unhealthyAfter()).isEqualTo(Duration.ofMinutes(1));
    assertThat(spec.handler()).isSameAs(handler);
  }
}
