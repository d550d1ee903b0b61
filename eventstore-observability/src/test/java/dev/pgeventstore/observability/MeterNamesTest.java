package dev.pgeventstore.observability;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.kafka.consumer.ConsumerStatus;
import dev.pgeventstore.observability.Figures.OfConsumer;
import dev.pgeventstore.observability.Figures.OfRelay;
import dev.pgeventstore.observability.Figures.OfSubscription;
import dev.pgeventstore.observability.Figures.Scripted;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tag;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What rules, dashboard and page name is what is reported. */
class MeterNamesTest {

  private static final Set<String> TAGS =
      Set.of("outcome", "subscription", "relay", "change", "decision", "group");

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final StoreMetrics appends = StoreMetrics.of();
  private final SubscriptionMetrics subscriptions =
      SubscriptionMetrics.with(Clock.SYSTEM, Duration.ofMinutes(1));
  private final RelayMetrics relays = RelayMetrics.of();
  private final ConsumerMetrics consumer =
      ConsumerMetrics.of("mails", () -> new OfConsumer(ConsumerStatus.State.RUNNING, Map.of()));

  @BeforeEach
  void bind() {
    appends.bindTo(registry);
    subscriptions.bindTo(registry);
    relays.bindTo(registry);
    consumer.bindTo(registry);
    subscriptions.watch(new Scripted("view", () -> OfSubscription.healthy(1, 2)));
    relays.watch("orders", () -> OfRelay.in(State.LEADING));
  }

  @AfterEach
  void close() {
    appends.close();
    subscriptions.close();
    relays.close();
    consumer.close();
  }

  @Test
  void rules_and_dashboard_use_only_what_is_reported() throws IOException {
    Set<String> reported =
        Pattern.compile("(?m)^eventstore_\\w+")
            .matcher(registry.scrape())
            .results()
            .map(name -> name.group())
            .collect(Collectors.toCollection(TreeSet::new));
    for (String file : Set.of("alerts.yml", "alerts-test.yml", "grafana-dashboard.json")) {
      Set<String> used =
          Pattern.compile("eventstore_[a-z_]+\\b(?!\\()")
              .matcher(Files.readString(Programs.ofProject("observability/" + file)))
              .results()
              .map(name -> name.group())
              .collect(Collectors.toCollection(TreeSet::new));
      // The name of both held marks, in a pattern.
      used.remove("eventstore_");
      assertThat(used).as(file).hasSizeGreaterThan(5);
      assertThat(reported).as(file).containsAll(used);
    }
  }

  @Test
  void the_page_lists_every_meter_and_no_other() throws IOException {
    String page = Files.readString(Programs.ofProject("docs/observability.md"));
    Set<String> listed =
        Pattern.compile("(?m)^\\| `(eventstore\\.[a-z.]+)`")
            .matcher(page)
            .results()
            .map(name -> name.group(1))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(listed).containsExactlyElementsOf(new TreeSet<>(names()));
  }

  private Set<String> names() {
    return registry.getMeters().stream()
        .map(meter -> meter.getId().getName())
        .collect(Collectors.toSet());
  }

  @Test
  void no_tag_has_more_values_than_there_are_subscriptions_relays_and_outcomes() {
    assertThat(registry.getMeters())
        .flatExtracting(meter -> meter.getId().getTags())
        .extracting(Tag::getKey)
        .isSubsetOf(TAGS);
  }

  @Test
  void the_dashboard_is_json() throws IOException {
    assertThat(
            new ObjectMapper()
                .readTree(
                    Files.readString(Programs.ofProject("observability/grafana-dashboard.json")))
                .get("panels"))
        .hasSizeGreaterThan(10);
  }

  @Test
  void every_meter_says_what_it_is() {
    assertThat(registry.getMeters())
        .extracting(Meter::getId)
        .allSatisfy(id -> assertThat(id.getDescription()).isNotBlank());
  }
}
