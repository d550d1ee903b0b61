package dev.pgeventstore.observability;

import dev.pgeventstore.StoreListener;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Meters of the appends of a store, in this process: {@code eventstore.append…}. It is the listener
 * of the store.
 *
 * <pre>{@code
 * StoreMetrics metrics = StoreMetrics.of();
 * metrics.bindTo(registry);
 * EventStore store = PostgresEventStore.builder(pool).codec(codec).listener(metrics).build();
 * }</pre>
 *
 * <p>What happens before {@link #bindTo} is not counted. No meter has the name of a stream, an
 * event or a category. Safe for many threads.
 */
public final class StoreMetrics implements StoreListener, MeterBinder, AutoCloseable {

  private final List<Tag> tags;
  private final List<AppendMeters> bound = new CopyOnWriteArrayList<>();

  private StoreMetrics(List<Tag> tags) {
    this.tags = tags;
  }

  /**
   * Meters that are registered nowhere yet.
   *
   * @param tags of every meter. If a process has several stores, each needs the same keys with
   *     other values, such as {@code Tag.of("store", "orders")}
   * @return the listener and binder
   */
  public static StoreMetrics of(Tag... tags) {
    return new StoreMetrics(List.of(tags));
  }

  /**
   * Registers the meters. May be called for several registries, and once for each.
   *
   * @param registry where to
   */
  @Override
  public void bindTo(MeterRegistry registry) {
    bound.add(new AppendMeters(new RegisteredMeters(registry, tags)));
  }

  @Override
  public void committed(Committed append) {
    for (AppendMeters meters : bound) {
      meters.committed(append);
    }
  }

  @Override
  public void written(Written append) {
    for (AppendMeters meters : bound) {
      meters.written(append);
    }
  }

  @Override
  public void conflicted(Conflicted append) {
    for (AppendMeters meters : bound) {
      meters.conflicted(append);
    }
  }

  @Override
  public void failed(Failed append) {
    for (AppendMeters meters : bound) {
      meters.failed(append);
    }
  }

  @Override
  public void sent(Batch batch) {
    for (AppendMeters meters : bound) {
      meters.sent(batch);
    }
  }

  /** Removes the meters from their registries. What happens later is not counted. */
  @Override
  public void close() {
    List<AppendMeters> ended = List.copyOf(bound);
    bound.removeAll(ended);
    ended.forEach(AppendMeters::remove);
  }
}
