package dev.pgeventstore.examples.push;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.push.PaymentEvent.Received;
import dev.pgeventstore.subscription.Follower;
import dev.pgeventstore.subscription.Subscriptions;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Pushes large payments to another application. Each is pushed as soon as it is settled, and
 * repeated until it is accepted: at least once, and in order. The event's id lets the receiver
 * recognise repetitions.
 *
 * <p>The receiver stores the subscriber's position together with the received events. So the
 * position survives restarts of either side, and nothing is written to the store.
 */
final class PushSubscriber implements AutoCloseable {

  private static final Duration ANSWER_WITHIN = Duration.ofSeconds(10);
  private static final long FIRST_PAUSE_MILLIS = 10;
  private static final long LONGEST_PAUSE_MILLIS = 1_000;

  private final EventStore store;
  private final URI receiver;
  private final long atLeastCents;
  private final HttpClient http = HttpClient.newBuilder().connectTimeout(ANSWER_WITHIN).build();
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Follower follower;

  PushSubscriber(EventStore store, URI receiver, long atLeastCents) {
    this.store = store;
    this.receiver = receiver;
    this.atLeastCents = atLeastCents;
    this.follower =
        Subscriptions.of(store)
            .follow(EventQuery.all().categories("payment").types("payment-received"))
            .load(this::whereTheReceiverIs)
            .handler(this::push)
            .start();
  }

  /** A receiver that has received nothing yet starts with new events. */
  private Position whereTheReceiverIs() throws IOException, InterruptedException {
    HttpResponse<String> answer =
        http.send(request("position").GET().build(), BodyHandlers.ofString());
    if (answer.statusCode() != 200) {
      throw new IOException("the receiver does not say where it is: " + answer.statusCode());
    }
    return answer.body().isEmpty()
        ? store.highWaterMark()
        : Position.of(Long.parseLong(answer.body()));
  }

  private void push(List<RecordedEvent> events) throws InterruptedException {
    for (RecordedEvent event : events) {
      if (event.payload() instanceof Received received && received.cents() >= atLeastCents) {
        push(event);
      }
    }
  }

  private void push(RecordedEvent event) throws InterruptedException {
    HttpRequest request =
        request("events")
            .header("Idempotency-Key", event.id().toString())
            .header("Position", event.position().toString())
            .header("Stream", event.stream().toString())
            .POST(BodyPublishers.ofByteArray(event.encoded().dataUtf8()))
            .build();
    long pause = FIRST_PAUSE_MILLIS;
    while (!isTaken(request)) {
      if (closing.await(pause, TimeUnit.MILLISECONDS)) {
        throw new CancellationException("closed before the receiver has taken " + event);
      }
      pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
    }
  }

  private boolean isTaken(HttpRequest request) throws InterruptedException {
    try {
      return http.send(request, BodyHandlers.discarding()).statusCode() == 204;
    } catch (IOException e) {
      // The receiver may have accepted the event or not.
      return false;
    }
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(receiver.resolve(path)).timeout(ANSWER_WITHIN);
  }

  void awaitPushed(AppendResult append, Duration timeout)
      throws TimeoutException, InterruptedException {
    follower.awaitApplied(append, timeout);
  }

  @Override
  public void close() {
    closing.countDown();
    follower.close();
  }
}
