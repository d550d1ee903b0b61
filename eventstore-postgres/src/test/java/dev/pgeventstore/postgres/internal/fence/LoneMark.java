package dev.pgeventstore.postgres.internal.fence;

import dev.pgeventstore.internal.scheduling.Background;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.Schema;
import java.time.Duration;
import java.util.function.Supplier;

/** The mark of one schema, with an observer of its own. */
public final class LoneMark implements AutoCloseable {

  /** Made once: the model checker does not see into the pattern for the schema's name. */
  public static final FenceFunction FENCE = new FenceFunction(new Schema("eventstore"));

  private final Scheduler scheduler;
  private final long closing;
  private final Observer observer;
  private final HighWaterMark mark;

  public LoneMark(Scheduler scheduler, FenceView view, Duration pollInterval) {
    this(scheduler, () -> view, pollInterval, Duration.ofSeconds(5));
  }

  public LoneMark(
      Scheduler scheduler, Supplier<FenceView> views, Duration pollInterval, Duration patience) {
    this.scheduler = scheduler;
    this.closing = patience.plusSeconds(1).toNanos();
    observer = new Observer(scheduler, views, Runnable::run, pollInterval);
    mark = observer.mark(FENCE);
  }

  public HighWaterMark mark() {
    return mark;
  }

  @Override
  public void close() {
    mark.close();
    Background.close(scheduler, closing, observer.thread());
  }
}
