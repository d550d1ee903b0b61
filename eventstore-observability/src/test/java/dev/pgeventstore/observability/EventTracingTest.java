package dev.pgeventstore.observability;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.RecordedMessage;
import dev.pgeventstore.subscription.EventHandler;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.Start;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.Subscriptions;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.LinkData;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingResult;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class EventTracingTest {

  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final StreamId ANN = StreamId.of("account", "ann");
  private static final StreamId BEN = StreamId.of("account", "ben");

  private final InMemorySpanExporter spans = InMemorySpanExporter.create();
  private final OpenTelemetry sampling = sdk(Sampler.alwaysOn());
  private final Tracer requests = sampling.getTracer("requests");
  private PostgresEventStore plain;
  private EventStore store;

  private OpenTelemetry sdk(Sampler sampler) {
    return OpenTelemetrySdk.builder()
        .setTracerProvider(
            SdkTracerProvider.builder()
                .setSampler(sampler)
                .addSpanProcessor(SimpleSpanProcessor.create(spans))
                .build())
        .build();
  }

  @BeforeEach
  void open(Database database) {
    plain =
        PostgresEventStore.builder(database.dataSource())
            .codec(JacksonCodec.of(EventTypes.none()))
            .build();
    store = EventTracing.of(sampling).store(plain);
  }

  @AfterEach
  void close() {
    plain.close();
  }

  @Test
  void an_append_has_a_span_in_the_trace_of_its_caller_and_its_events_name_it() {
    Span request = requests.spanBuilder("request").startSpan();
    AppendResult result;
    try (Scope current = request.makeCurrent()) {
      result =
          store.append(
              Append.to(
                      ANN,
                      ExpectedVersion.noStream(),
                      List.of(
                          happened(),
                          NewEvent.of(happened()).withMetadata(Metadata.none().withUserId("u1"))))
                  .and(BEN, ExpectedVersion.any(), List.of(happened()))
                  .check(StreamId.of("bank", "1"), ExpectedVersion.noStream())
                  .message(OutboxMessage.to("mails", "mails")));
    }
    SpanData append = only("append");
    assertThat(append.getKind()).isEqualTo(SpanKind.CLIENT);
    assertThat(append.getTraceId()).isEqualTo(request.getSpanContext().getTraceId());
    assertThat(append.getParentSpanId()).isEqualTo(request.getSpanContext().getSpanId());
    assertThat(append.getAttributes().get(AppendSpans.CATEGORY)).isEqualTo("account");
    assertThat(append.getAttributes().get(AppendSpans.STREAMS)).isEqualTo(2);
    assertThat(append.getAttributes().get(AppendSpans.EVENTS)).isEqualTo(3);
    assertThat(append.getAttributes().get(AppendSpan.OUTCOME)).isEqualTo("committed");
    assertThat(append.getAttributes().get(AppendSpan.POSITION))
        .isEqualTo(result.position().value());
    assertThat(append.getAttributes().asMap().values()).doesNotContain("account-ann");

    String traceparent =
        "00-%s-%s-%s"
            .formatted(
                append.getTraceId(),
                append.getSpanId(),
                append.getSpanContext().getTraceFlags().asHex());
    List<RecordedEvent> ann = store.read(ANN);
    assertThat(ann.get(0).metadata().entries()).containsOnlyKeys("traceparent");
    assertThat(ann.get(0).metadata().get("traceparent")).contains(traceparent);
    assertThat(ann.get(1).metadata().get("traceparent")).contains(traceparent);
    assertThat(ann.get(1).metadata().userId()).contains("u1");
    assertThat(store.read(BEN).get(0).metadata().get("traceparent")).contains(traceparent);
    assertThat(message().headers().get("traceparent"))
        .isEqualTo(traceparent.getBytes(StandardCharsets.UTF_8));
    assertThat(result.versions()).containsEntry(ANN, 2L).containsEntry(BEN, 1L);
  }

  private OutboxMessage message() {
    EventFeed feed = store.unwrap(EventFeed.class).orElseThrow();
    List<RecordedMessage> waiting =
        feed.messages("mails", 0, 1, Position.START, feed.highWaterMark(), 10);
    assertThat(waiting).hasSize(1);
    return waiting.get(0).message();
  }

  @Test
  void a_trace_that_an_event_or_a_message_brings_is_kept() {
    String other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    store.append(
        Append.to(
                ANN,
                ExpectedVersion.any(),
                List.of(
                    NewEvent.of(happened())
                        .withMetadata(Metadata.none().with("traceparent", other))))
            .message(OutboxMessage.to("mails", "mails").header("traceparent", other)));
    assertThat(store.read(ANN).get(0).metadata().get("traceparent")).contains(other);
    assertThat(message().headers().get("traceparent"))
        .isEqualTo(other.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void an_append_that_is_sent_again_is_recognised_although_its_span_is_another() {
    Append append = Append.to(ANN, ExpectedVersion.any(), List.of(happened()));
    AppendResult first = store.append(append);
    AppendResult second = store.append(append);

    assertThat(second.replayed()).isTrue();
    assertThat(second.position()).isEqualTo(first.position());
    assertThat(store.read(ANN)).hasSize(1);
    assertThat(outcomes()).containsExactly("committed", "replayed");
  }

  @Test
  void a_conflict_is_no_error_and_a_failure_is_one() {
    store.append(ANN, ExpectedVersion.noStream(), List.of(happened()));
    assertThatThrownBy(() -> store.append(ANN, ExpectedVersion.noStream(), List.of(happened())))
        .isInstanceOf(ConflictException.class);
    assertThatThrownBy(
            () ->
                store.append(
                    ANN,
                    ExpectedVersion.any(),
                    List.of(EncodedEvent.of("happened", 1, "{\"a\":\"\\u0000\"}"))))
        .isInstanceOf(IllegalArgumentException.class);

    assertThat(outcomes()).containsExactly("committed", "conflicted", "failed");
    assertThat(spans.getFinishedSpanItems())
        .extracting(span -> span.getStatus().getStatusCode())
        .containsExactly(StatusCode.UNSET, StatusCode.UNSET, StatusCode.ERROR);
    assertThat(spans.getFinishedSpanItems().get(2).getEvents()).hasSize(1);
  }

  @Test
  void an_append_without_waiting_has_a_span_that_ends_with_its_future() throws Exception {
    store
        .appendAsync(ANN, ExpectedVersion.noStream(), List.of(happened()))
        .get(1, TimeUnit.MINUTES);
    assertThatThrownBy(
            () ->
                store
                    .appendAsync(ANN, ExpectedVersion.noStream(), List.of(happened()))
                    .get(1, TimeUnit.MINUTES))
        .isInstanceOf(ExecutionException.class)
        .hasCauseInstanceOf(ConflictException.class);
    await()
        .atMost(PATIENCE)
        .untilAsserted(() -> assertThat(outcomes()).containsExactly("committed", "conflicted"));
    assertThat(store.read(ANN).get(0).metadata().entries()).containsKey("traceparent");
  }

  @Test
  void an_append_in_a_transaction_of_the_caller_is_written_and_not_yet_committed(Database database)
      throws Exception {
    try (Connection connection = database.open()) {
      connection.setAutoCommit(false);
      store.within(connection).append(ANN, ExpectedVersion.any(), List.of(happened()));
      connection.commit();
    }
    assertThat(outcomes()).containsExactly("written");
    assertThat(store.read(ANN).get(0).metadata().entries()).containsKey("traceparent");
  }

  /** An event is kept forever; a trace that was not sampled never was. */
  @Test
  void without_a_sampled_trace_an_event_is_stored_as_it_is() {
    for (OpenTelemetry none :
        List.of(OpenTelemetry.noop(), sdk(Sampler.alwaysOff()), sdk(new RecordingOnly()))) {
      EventTracing.of(none).store(plain).append(ANN, ExpectedVersion.any(), List.of(happened()));
    }
    assertThat(store.read(ANN)).allMatch(event -> event.metadata().entries().isEmpty());
    assertThat(spans.getFinishedSpanItems()).isEmpty();
  }

  /** As for spans that only processors in the application look at. */
  private static final class RecordingOnly implements Sampler {

    @Override
    public SamplingResult shouldSample(
        Context parent,
        String traceId,
        String name,
        SpanKind kind,
        Attributes attributes,
        List<LinkData> links) {
      return SamplingResult.recordOnly();
    }

    @Override
    public String getDescription() {
      return "records and samples nothing";
    }
  }

  @Test
  void a_batch_has_one_span_with_a_link_to_each_append() throws Exception {
    store.append(ANN, ExpectedVersion.any(), List.of(happened(), happened()));
    store.append(BEN, ExpectedVersion.any(), List.of(happened()));
    AppendResult last = plain.append(BEN, ExpectedVersion.any(), List.of(happened()));
    List<SpanData> appends = spans.getFinishedSpanItems();
    spans.reset();

    List<Span> current = new CopyOnWriteArrayList<>();
    EventHandler handler = EventTracing.of(sampling).handler(batch -> current.add(Span.current()));
    try (Subscription view = Subscriptions.of(store).create("view").handler(handler).start()) {
      view.awaitApplied(last, PATIENCE);
    }
    SpanData handle = only("handle view");
    assertThat(handle.getKind()).isEqualTo(SpanKind.CONSUMER);
    assertThat(handle.getParentSpanContext().isValid()).isFalse();
    assertThat(handle.getLinks())
        .extracting(link -> link.getSpanContext().getSpanId())
        .containsExactly(appends.get(0).getSpanId(), appends.get(1).getSpanId());
    assertThat(handle.getLinks())
        .extracting(link -> link.getSpanContext().getTraceId())
        .containsExactly(appends.get(0).getTraceId(), appends.get(1).getTraceId());
    assertThat(handle.getAttributes().get(AppendSpans.EVENTS)).isEqualTo(4);
    assertThat(handle.getAttributes().get(HandlerSpans.SUBSCRIPTION)).isEqualTo("view");
    assertThat(handle.getAttributes().get(HandlerSpans.ATTEMPT)).isEqualTo(1);
    assertThat(current)
        .extracting(span -> span.getSpanContext().getSpanId())
        .containsExactly(handle.getSpanId());
  }

  @Test
  void on_request_a_batch_continues_the_trace_of_its_first_event() throws Exception {
    store.append(ANN, ExpectedVersion.any(), List.of(happened()));
    AppendResult last = store.append(BEN, ExpectedVersion.any(), List.of(happened()));
    List<SpanData> appends = spans.getFinishedSpanItems();
    spans.reset();

    EventHandler handler = EventTracing.of(sampling).continuingTraces().handler(batch -> {});
    try (Subscription view = Subscriptions.of(store).create("view").handler(handler).start()) {
      view.awaitApplied(last, PATIENCE);
    }
    SpanData handle = only("handle view");
    assertThat(handle.getTraceId()).isEqualTo(appends.get(0).getTraceId());
    assertThat(handle.getParentSpanId()).isEqualTo(appends.get(0).getSpanId());
    assertThat(handle.getLinks())
        .extracting(LinkData::getSpanContext)
        .extracting(context -> context.getSpanId())
        .containsExactly(appends.get(1).getSpanId());
  }

  @Test
  void each_attempt_of_a_handler_that_fails_has_a_span_with_its_error() throws Exception {
    EventHandler failing =
        batch -> {
          if (batch.attempt() < 2 || batch.events().size() > 1) {
            throw new IllegalStateException("not yet");
          }
        };
    AppendResult append = store.append(ANN, ExpectedVersion.any(), List.of(happened()));
    spans.reset();
    try (Subscription view =
        Subscriptions.of(store)
            .create("view")
            .onFailure(
                FailurePolicy.retry(3)
                    .backOff(Duration.ofMillis(1), Duration.ofMillis(1))
                    .thenStop())
            .handler(EventTracing.of(sampling).handler(failing))
            .start()) {
      view.awaitApplied(append, PATIENCE);
    }
    List<SpanData> attempts = spans.getFinishedSpanItems();
    assertThat(attempts).hasSizeGreaterThan(1);
    assertThat(attempts.get(0).getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
    assertThat(attempts.get(attempts.size() - 1).getStatus().getStatusCode())
        .isEqualTo(StatusCode.UNSET);
  }

  /** As many as the SDK keeps; its own limit would count the others as dropped. */
  @Test
  void a_batch_of_many_appends_has_128_links_at_most() throws Exception {
    AppendResult last = null;
    for (int i = 0; i < 140; i++) {
      last = store.append(ANN, ExpectedVersion.any(), List.of(happened()));
    }
    spans.reset();
    try (Subscription view =
        Subscriptions.of(store)
            .create("view")
            .startAt(Start.beginning())
            .handler(EventTracing.of(sampling).handler(batch -> {}))
            .start()) {
      view.awaitApplied(last, PATIENCE);
    }
    assertThat(spans.getFinishedSpanItems())
        .anySatisfy(
            span -> {
              assertThat(span.getLinks()).hasSize(128);
              assertThat(span.getTotalRecordedLinks()).isEqualTo(128);
            });
  }

  @Test
  void metadata_of_another_writer_does_not_keep_an_event_from_its_handler() throws Exception {
    AppendResult last =
        plain.append(
            ANN,
            ExpectedVersion.any(),
            List.of(
                NewEvent.of(happened())
                    .withMetadata(Metadata.none().with("traceparent", "no trace at all"))));
    try (Subscription view =
        Subscriptions.of(store)
            .create("view")
            .handler(EventTracing.of(sampling).continuingTraces().handler(batch -> {}))
            .start()) {
      view.awaitApplied(last, PATIENCE);
    }
    assertThat(only("handle view").getLinks()).isEmpty();
  }

  @Test
  void a_projection_has_spans_as_well() throws Exception {
    AppendResult append = store.append(ANN, ExpectedVersion.any(), List.of(happened()));
    spans.reset();
    try (Projection counts =
        Projections.of(store)
            .create("counts", 1)
            .definition(EventTracing.of(sampling).definition((table, batch) -> {}))
            .start()) {
      counts.awaitApplied(append, PATIENCE);
    }
    assertThat(spans.getFinishedSpanItems())
        .singleElement()
        .satisfies(span -> assertThat(span.getName()).startsWith("handle counts"))
        .satisfies(span -> assertThat(span.getLinks()).hasSize(1));
  }

  private SpanData only(String name) {
    List<SpanData> named =
        spans.getFinishedSpanItems().stream().filter(span -> span.getName().equals(name)).toList();
    assertThat(named).hasSize(1);
    return named.get(0);
  }

  private List<String> outcomes() {
    return spans.getFinishedSpanItems().stream()
        .map(span -> span.getAttributes().get(AppendSpan.OUTCOME))
        .toList();
  }

  private static EncodedEvent happened() {
    return EncodedEvent.of("happened", 1, "{}");
  }
}
