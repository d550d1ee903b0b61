package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.postgres.internal.fence.FenceView;
import dev.pgeventstore.postgres.internal.fence.LoneMark;
import dev.pgeventstore.postgres.internal.scheduling.Interleavings;
import dev.pgeventstore.postgres.internal.scheduling.Untimed;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import dev.pgeventstore.postgres.internal.tables.Notifications;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * How the engine's threads end, in interleavings that a model checker chooses. It finds deadlocks,
 * threads that are waited for in vain, and what an assertion says.
 */
@Tag("interleavings")
class ClosingInterleavingsTest {

  private static final int MOST = 100;

  /**
   * Notifies nobody, and fails as often as it is told to: as a pool may, by an unchecked exception.
   */
  private static final class FakeDatabase implements Connections, Notifications, FenceView {

    private final Lock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private int failures;
    private int attempts;

    FakeDatabase(int failures) {
      this.failures = failures;
    }

    @Override
    public <T> T use(Work<T> work) throws SQLException {
      lock.lock();
      try {
        attempts++;
        changed.signalAll();
        if (failures > 0) {
          failures--;
          throw new IllegalStateException("the pool is in a mood");
        }
      } finally {
        lock.unlock();
      }
      return null;
    }

    @Override
    public <T> T inTransaction(Work<T> work) throws SQLException {
      return use(work);
    }

    @Override
    public <T> T inTransactionRolledBack(Work<T> work) throws SQLException {
      return use(work);
    }

    @Override
    public Connections within(Duration patience) {
      return this;
    }

    void awaitAttempts(int number) throws InterruptedException {
      lock.lock();
      try {
        while (attempts < number) {
          changed.await();
        }
      } finally {
        lock.unlock();
      }
    }

    @Override
    public void send(Connection connection, List<Notification> notifications) {}

    @Override
    public Optional<Hearing> listen() {
      return Optional.empty();
    }

    @Override
    public Observation observe(FenceFunction fence) {
      return new Observation(0, 0, "one", List.of());
    }

    @Override
    public List<Observation> observeAll(List<FenceFunction> fences) {
      return fences.stream().map(this::observe).toList();
    }

    @Override
    public long settled(FenceFunction fence) {
      return 0;
    }

    @Override
    public void release() {}
  }

  private static Engine engine(FakeDatabase database) {
    return new Engine(
        new Untimed(), database, database, () -> database, Duration.ofSeconds(1), false);
  }

  private static CommitSignals signals(Engine engine) {
    return engine.signals("channel", engine.mark(LoneMark.FENCE));
  }

  /** What is committed after the pool has failed. */
  public static final class FailingPool extends Interleavings {
    @Override
    protected void play() throws Exception {
      FakeDatabase database = new FakeDatabase(1);
      Engine engine = engine(database);
      CommitSignals signals = signals(engine);
      signals.appended();
      database.awaitAttempts(1);
      // The first one failed. What is committed now is notified all the same.
      signals.appended();
      database.awaitAttempts(2);
      engine.close();
    }
  }

  @Test
  void the_notifier_survives_a_pool_and_ends_when_it_is_closed() {
    Interleavings.explore(FailingPool.class, MOST);
  }

  /** A commit beside closing. */
  public static final class Commit extends Interleavings {
    @Override
    protected void play() throws Exception {
      Engine engine = engine(new FakeDatabase(0));
      Thread committing = new Thread(signals(engine)::appended);
      committing.start();
      engine.close();
      committing.join();
    }
  }

  @Test
  void closing_the_notifier_beside_commits_ends_it() {
    Interleavings.explore(Commit.class, MOST);
  }
}
