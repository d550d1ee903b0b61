package dev.pgeventstore.observability;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.PoisonPolicy.Poison;
import dev.pgeventstore.kafka.RelayListener;
import dev.pgeventstore.kafka.RelayStatus;
import dev.pgeventstore.kafka.RelayStatus.State;
import dev.pgeventstore.observability.Figures.OfRelay;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** With a real relay and broker: {@link AlertsFiringTest}. */
class RelayMetricsTest {

  private final MeterRegistry registry = new SimpleMeterRegistry();
  private final RelayMetrics metrics = RelayMetrics.of();

  @Test
  void what_a_relay_tells_its_listener_is_counted() {
    metrics.bindTo(registry);
    metrics.led(new Told());
    metrics.leadEnded(new Told());
    metrics.committed(new Told());
    metrics.poisoned(new Told());
    metrics.failed(new Told());
    metrics.halted(new Told());

    assertThat(counted("lead.changes", "change", "taken")).isEqualTo(1);
    assertThat(counted("lead.changes", "change", "lost")).isEqualTo(1);
    assertThat(counted("lead.changes", "change", "released")).isZero();
    assertThat(counted("poisoned", "decision", "dead_letter")).isEqualTo(1);
    assertThat(counted("failures")).isEqualTo(1);
    assertThat(counted("halts")).isEqualTo(1);
    Timer transaction = registry.get("eventstore.relay.transaction").timer();
    assertThat(transaction.count()).isEqualTo(1);
    assertThat(transaction.totalTime(TimeUnit.MILLISECONDS)).isEqualTo(12);
  }

  @Test
  void the_status_of_a_relay_that_leads_is_reported() {
    metrics.bindTo(registry);
    metrics.watch("orders", () -> OfRelay.in(State.LEADING));

    assertThat(of("healthy")).isEqualTo(1);
    assertThat(of("halted")).isZero();
    assertThat(of("leads")).isEqualTo(1);
    assertThat(of("lag")).isEqualTo(30);
    assertThat(of("behind")).isEqualTo(90);
    assertThat(of("parked")).isEqualTo(3);
    assertThat(of("mark.held")).isZero();
    assertThat(total("transactions")).isEqualTo(11);
    assertThat(total("aborts")).isEqualTo(2);
    assertThat(total("fenced")).isEqualTo(1);
    assertThat(total("events")).isEqualTo(60);
    assertThat(total("messages")).isEqualTo(5);
    assertThat(total("records")).isEqualTo(66);
    assertThat(metrics.complaints()).isEmpty();
  }

  /** What it knows is of the time when it led. */
  @Test
  void a_relay_that_stands_by_has_no_lag() {
    metrics.bindTo(registry);
    metrics.watch("orders", () -> OfRelay.in(State.STANDBY));
    assertThat(of("lag")).isNaN();
    assertThat(of("behind")).isNaN();
    assertThat(of("healthy")).isEqualTo(1);
    assertThat(of("leads")).isZero();
  }

  @Test
  void one_that_has_halted_is_neither_healthy_nor_silent_about_it_until_it_is_closed() {
    AtomicReference<RelayStatus> status =
        new AtomicReference<>(
            new OfRelay(State.HALTED, Optional.of("lane 0 has halted"), List.of()));
    metrics.watch("orders", status::get);
    metrics.bindTo(registry);
    assertThat(of("healthy")).isZero();
    assertThat(of("halted")).isEqualTo(1);
    assertThat(metrics.complaints()).containsEntry("orders", "lane 0 has halted");

    status.set(OfRelay.in(State.STOPPED));
    assertThat(of("healthy")).isNaN();
    assertThat(of("halted")).isNaN();
    assertThat(total("records")).as("a total does not fall").isEqualTo(66);

    metrics.close();
    assertThat(registry.getMeters()).isEmpty();
  }

  private double of(String what) {
    return registry.get("eventstore.relay." + what).tag("relay", "orders").gauge().value();
  }

  private double total(String what) {
    return registry
        .get("eventstore.relay." + what)
        .tag("relay", "orders")
        .functionCounter()
        .count();
  }

  private double counted(String what, String... tags) {
    return registry.get("eventstore.relay." + what).tags(tags).counter().count();
  }

  /** Everything that is told of a lane. */
  private record Told()
      implements RelayListener.Led,
          RelayListener.LeadEnded,
          RelayListener.Committed,
          RelayListener.Poisoned,
          RelayListener.Failed,
          RelayListener.Halted {

    @Override
    public String relay() {
      return "orders";
    }

    @Override
    public int lane() {
      return 0;
    }

    @Override
    public Position position() {
      return Position.of(7);
    }

    @Override
    public boolean lost() {
      return true;
    }

    @Override
    public Position highWaterMark() {
      return Position.of(9);
    }

    @Override
    public int events() {
      return 1;
    }

    @Override
    public int messages() {
      return 0;
    }

    @Override
    public int records() {
      return 1;
    }

    @Override
    public Duration took() {
      return Duration.ofMillis(12);
    }

    @Override
    public Poison poison() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Decision decision() {
      return Decision.DEAD_LETTER;
    }

    @Override
    public Throwable error() {
      return new IllegalStateException();
    }
  }
}
