package dev.pgeventstore.postgres.internal.subscribe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.fence.Observer;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.Notifications;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Node;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler.Style;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** For whom it is listened. */
class ListenerTest {

  private static final Duration POLL = Duration.ofMillis(250);

  @Test
  void for_a_store_that_is_closed_it_is_listened_no_more_even_if_it_is_read_from_late()
      throws Throwable {
    SimulatedScheduler simulation = new SimulatedScheduler(1, new Style(2, 0, 5_000), 100_000, 0);
    Node node = simulation.node("node");
    simulation.run(
        node,
        () -> {
          Heard heard = new Heard(node);
          Listener listener = new Listener(node, heard, POLL, true);
          CommitSignals open = signals(node, listener, "open");
          CommitSignals closed = signals(node, listener, "closed");
          CommitSignals never = signals(node, listener, "never_heard");
          open.startListening();
          closed.startListening();
          simulation.block(() -> heard.channels.size() == 2, Long.MAX_VALUE);

          closed.close();
          closed.startListening();
          never.close();
          never.startListening();
          node.pause(TimeUnit.MINUTES.toNanos(1));

          assertThat(heard.channels).containsExactly("open");
        });
  }

  private static CommitSignals signals(Node node, Listener listener, String channel) {
    Observer observer =
        new Observer(
            node,
            () -> {
              throw new AssertionError("nobody reads");
            },
            Runnable::run,
            POLL);
    HighWaterMark mark = observer.mark(new FenceFunction(new Schema(channel)));
    return new CommitSignals(
        new Notifier(node, new NoDatabase(), new Heard(node)), listener, channel, mark);
  }

  /** The channels for which it is listened now. */
  private static final class Heard implements Notifications {
    private final Node node;
    private Set<String> channels = Set.of();

    Heard(Node node) {
      this.node = node;
    }

    @Override
    public void send(Connection connection, List<Notification> notifications) {}

    @Override
    public Optional<Hearing> listen() {
      return Optional.of(
          new Hearing() {
            @Override
            public void to(Set<String> now) {
              channels = now;
            }

            @Override
            public List<Notification> next(Duration atMost) {
              node.pause(atMost.toNanos());
              return List.of();
            }

            @Override
            public void close() {
              channels = Set.of();
            }
          });
    }
  }
}
