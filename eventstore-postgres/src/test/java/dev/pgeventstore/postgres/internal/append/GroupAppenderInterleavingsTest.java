package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.Append;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.scheduling.Interleavings;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Answer;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Outcome;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Closing beside an append, in every order that the model checker comes to. How threads hand over
 * to each other is tested in {@link GroupAppenderTest}: they sleep without a lock, by {@code park},
 * and there the model checker wakes them without being told, so it finds no signal that is missed.
 */
@Tag("interleavings")
class GroupAppenderInterleavingsTest {

  private static final StreamId STREAM = StreamId.of("order", "1");
  private static final Append APPEND =
      Append.to(STREAM, ExpectedVersion.noStream(), List.of(EncodedEvent.of("happened", 1, "{}")));
  private static final AppendRequest REQUEST =
      new AppendRequest(
          new StreamId[] {STREAM},
          new long[] {0},
          new int[] {1},
          List.of(
              new AppendRequest.Event(
                  new UUID(0, 1), "happened", 1, new byte[] {'{', '}'}, new byte[0])),
          List.of(),
          () -> false,
          "");

  /** A group, and a database that answers at once. */
  private static final class Group {
    final AtomicInteger written = new AtomicInteger();
    final GroupAppender appender =
        new GroupAppender(
            new BatchSender(this::send, () -> {}), Duration.ofDays(1), Duration.ofDays(1));

    private List<Answer> send(List<AppendRequest> requests, Exchange exchange) {
      written.addAndGet(requests.size());
      List<Answer> answers = new ArrayList<>();
      for (int i = 0; i < requests.size(); i++) {
        answers.add(new Answer(Outcome.WRITTEN, new long[] {1}, 1, 0));
      }
      return answers;
    }

    void append() {
      appender.append(APPEND, REQUEST);
    }
  }

  /** A thread appends, and another closes. */
  public static final class Closing extends Interleavings {
    @Override
    protected void play() throws Exception {
      Group group = new Group();
      AtomicInteger answered = new AtomicInteger();
      int[] writtenWhenClosed = new int[1];
      together(
          () -> {
            try {
              group.append();
              answered.incrementAndGet();
            } catch (IllegalStateException e) {
              // Refused, because the store is closed.
            }
          },
          () -> {
            group.appender.close();
            writtenWhenClosed[0] = group.written.get();
          });
      require(group.written.get() == answered.get(), "what is written is answered");
      require(group.written.get() == writtenWhenClosed[0], "nothing is written once closed");
    }
  }

  @Test
  void closing_ends_and_leaves_no_thread_waiting() {
    Interleavings.explore(Closing.class, 200);
  }
}
