package dev.pgeventstore.kafka.internal.clients;

import java.time.Duration;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.errors.AuthenticationException;
import org.jspecify.annotations.Nullable;

/**
 * The admin client that each try of a lane begins with. One that Kafka has not answered is kept for
 * the next try: it rests longer and longer between its tries to connect, and a new one would begin
 * with short rests again, and log them all. One that was answered or refused is not kept: it knows
 * brokers that may be gone for good, and certificates that may have been renewed.
 *
 * <p>While Kafka refuses clients, a consumer asks first: an admin client logs the whole stack trace
 * of each refusal, and a consumer a line. For one thread, but for {@link #refused}.
 */
public final class Contact implements AutoCloseable {

  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** It may have known brokers, of which none is left, although none has answered since. */
  private static final int MOST_TRIES = 5;

  private final boolean keeps;
  private volatile boolean refused;
  private @Nullable Admin unanswered;
  private int tries;

  private Contact(boolean keeps) {
    this.keeps = keeps;
  }

  /** For several tries; to be closed after the last. */
  public static Contact kept() {
    return new Contact(true);
  }

  /** For one try, after which there is nothing to be closed. */
  public static Contact once() {
    return new Contact(false);
  }

  /**
   * A client for the next try.
   *
   * @throws AuthenticationException if Kafka did not let the last one in, and still lets none in
   */
  public Admin take(KafkaSettings settings) {
    if (refused) {
      ask(settings);
    }
    Admin taken = unanswered;
    unanswered = null;
    if (taken == null) {
      tries = 0;
      taken = settings.clients().admin(settings.admin());
    }
    tries++;
    return taken;
  }

  private void ask(KafkaSettings settings) {
    refused = false;
    try (Consumer<byte[], byte[]> consumer = settings.clients().consumer(settings.consumer())) {
      var unused = consumer.listTopics(PATIENCE);
    } catch (AuthenticationException e) {
      refused = true;
      throw e;
    }
  }

  /** Kafka has not let the client in. */
  public void refused() {
    refused = keeps;
  }

  public void giveBack(Admin admin, boolean answered) {
    if (keeps && !answered && tries < MOST_TRIES) {
      unanswered = admin;
    } else {
      admin.close(Duration.ZERO);
    }
  }

  @Override
  public void close() {
    Admin left = unanswered;
    unanswered = null;
    if (left != null) {
      left.close(Duration.ZERO);
    }
  }
}
