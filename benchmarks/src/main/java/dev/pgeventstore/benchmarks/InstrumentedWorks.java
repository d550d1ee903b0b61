package dev.pgeventstore.benchmarks;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.observability.EventTracing;
import dev.pgeventstore.observability.StoreMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.List;

/**
 * What meters and spans cost appends. Every trace is sampled; spans go through the batching of the
 * SDK and are dropped at its end. Here the limit is the store itself without meters and spans.
 */
final class InstrumentedWorks implements Works {

  private final Stage stage;
  private final Options options;
  private final Writers writers;
  private final Deque<AutoCloseable> opened = new ArrayDeque<>();
  private EventStore instrumented;

  InstrumentedWorks(Stage stage, Options options, Writers writers) {
    this.stage = stage;
    this.options = options;
    this.writers = writers;
    this.instrumented = stage.store();
  }

  @Override
  public List<Work> all() {
    return List.of(appends(1), appends(8));
  }

  private Work appends(int threads) {
    Crew crew = new Crew(threads, options.seconds());
    return Work.of(
        "append 1 event, %d writer%s, metrics and tracing : plain"
            .formatted(threads, threads == 1 ? "" : "s"),
        () -> crew.run(thread -> writers.appender(instrumented, 1)).withLatencies("events", 1),
        () -> crew.run(thread -> writers.appender(1)).withLatencies("events", 1));
  }

  @Override
  public void prepare() {
    StoreMetrics metrics = StoreMetrics.of();
    opened.push(metrics);
    metrics.bindTo(new PrometheusMeterRegistry(PrometheusConfig.DEFAULT));
    SdkTracerProvider spans =
        SdkTracerProvider.builder()
            .addSpanProcessor(BatchSpanProcessor.builder(new Dropping()).build())
            .build();
    opened.push(spans);
    instrumented =
        EventTracing.of(OpenTelemetrySdk.builder().setTracerProvider(spans).build())
            .store(stage.newStore(metrics));
    opened.push(instrumented);
  }

  /** Closes in the reverse order of opening. */
  @Override
  public void close() throws Exception {
    while (!opened.isEmpty()) {
      opened.pop().close();
    }
  }

  private static final class Dropping implements SpanExporter {

    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode flush() {
      return CompletableResultCode.ofSuccess();
    }

    @Override
    public CompletableResultCode shutdown() {
      return CompletableResultCode.ofSuccess();
    }
  }
}
