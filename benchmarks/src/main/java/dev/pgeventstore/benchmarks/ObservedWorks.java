package dev.pgeventstore.benchmarks;

import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import java.util.ArrayList;
import java.util.List;

/**
 * What live subscriptions cost appends. Here the limit is the store itself without subscriptions.
 */
final class ObservedWorks implements Works {

  private final Stage stage;
  private final Options options;
  private final Writers writers;
  private int measured;

  ObservedWorks(Stage stage, Options options, Writers writers) {
    this.stage = stage;
    this.options = options;
    this.writers = writers;
  }

  @Override
  public List<Work> all() {
    return List.of(
        observed(1, 1, "live subscription"),
        observed(8, 1, "live subscription"),
        observed(8, 8, "8 live subscriptions"));
  }

  private Work observed(int threads, int observers, String words) {
    Crew crew = new Crew(threads, options.seconds());
    return Work.of(
        "append 1 event, %d writer%s, %s : none".formatted(threads, threads == 1 ? "" : "s", words),
        () -> {
          List<Subscription> running = new ArrayList<>();
          try {
            for (int i = 0; i < observers; i++) {
              running.add(observer());
            }
            return crew.run(thread -> writers.appender(1)).withLatencies("events", 1);
          } finally {
            running.forEach(Subscription::close);
          }
        },
        () -> crew.run(thread -> writers.appender(1)).withLatencies("events", 1));
  }

  private Subscription observer() {
    return Subscriptions.of(stage.store())
        .create("observer-" + ++measured)
        .startAt(Start.end())
        .handler(batch -> {})
        .start();
  }
}
