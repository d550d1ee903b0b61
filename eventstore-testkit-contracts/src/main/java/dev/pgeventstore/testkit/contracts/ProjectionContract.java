package dev.pgeventstore.testkit.contracts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.projection.Projection;
import dev.pgeventstore.projection.ProjectionDefinition;
import dev.pgeventstore.projection.Projections;
import dev.pgeventstore.projection.VersionDroppedException;
import dev.pgeventstore.subscription.EventBatch;
import dev.pgeventstore.subscription.FailurePolicy;
import dev.pgeventstore.subscription.QueryMismatchException;
import dev.pgeventstore.subscription.SubscriptionStatus.State;
import dev.pgeventstore.testkit.contracts.AccountEvent.Opened;
import java.sql.Connection;
import java.time.Duration;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/**
 * What every store that keeps projections does: JUnit tests for those who implement one, to be
 * extended like {@link EventStoreContract}.
 */
public abstract class ProjectionContract extends ContractFixture {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final List<String> done = new CopyOnWriteArrayList<>();
  private volatile boolean ill;

  /** For subclasses. */
  protected ProjectionContract() {}

  private Projections projections() {
    return Projections.of(store);
  }

  private Projections.Builder version(int version) {
    return projections().create(category, version).category(category).definition(new Noting());
  }

  private String table(int version) {
    return category + "_v" + version;
  }

  @Test
  void a_version_is_created_built_from_the_beginning_promoted_and_kept() throws Exception {
    append(stream("1"), deposited(1));
    try (Projection one = version(1).start()) {
      assertThat(projections().liveVersion(category)).isEmpty();
      assertThat(one.isLive()).isFalse();
      assertThat(one.promote(PATIENCE)).isTrue();
      assertThat(one.promote(PATIENCE)).isFalse();
      one.subscription().awaitApplied(append(stream("1"), deposited(2)), PATIENCE);

      assertThat(one.isLive()).isTrue();
      assertThat(projections().liveVersion(category)).isEqualTo(OptionalInt.of(1));
      assertThat(done)
          .containsExactly(
              "create " + table(1), table(1) + " 1", "promote " + table(1), table(1) + " 2");
      assertThat(one.progress().position()).isGreaterThan(Position.START);
    }
    try (Projection again = version(1).start()) {
      again.subscription().awaitApplied(append(stream("1"), deposited(3)), PATIENCE);
      assertThat(done).hasSize(5).endsWith(table(1) + " 3");
      assertThat(again.isLive()).isTrue();
    }
  }

  @Test
  void a_new_version_replaces_the_first_which_is_dropped_for_good() throws Exception {
    append(stream("1"), deposited(1));
    try (Projection one = version(1).start();
        Projection two = version(2).start()) {
      one.promote(PATIENCE);
      assertThatThrownBy(one::drop).isInstanceOf(IllegalStateException.class);
      assertThat(two.promote(PATIENCE)).isTrue();
      assertThat(one.isLive()).isFalse();
      assertThat(two.isLive()).isTrue();

      assertThat(one.drop()).isTrue();
      assertThat(one.drop()).isFalse();
      assertThat(done).endsWith("drop " + table(1));
      assertThatThrownBy(() -> version(1).start()).isInstanceOf(VersionDroppedException.class);
    }
  }

  @Test
  void only_makeLive_shows_an_older_version_again() throws Exception {
    try (Projection one = version(1).start();
        Projection two = version(2).start()) {
      one.promote(PATIENCE);
      two.promote(PATIENCE);
      assertThat(one.promote(PATIENCE)).isFalse();
      assertThat(two.isLive()).isTrue();

      assertThat(one.makeLive(PATIENCE)).isTrue();
      assertThat(one.makeLive(PATIENCE)).isFalse();
      assertThat(one.isLive()).isTrue();
      assertThat(two.promote(PATIENCE)).isFalse();
      assertThat(one.isLive()).isTrue();
    }
  }

  @Test
  void a_version_that_is_behind_is_not_promoted() throws Exception {
    CountDownLatch goOn = new CountDownLatch(1);
    append(stream("1"), deposited(1));
    try (Projection one = version(1).definition((table, batch) -> goOn.await()).start()) {
      assertThatThrownBy(() -> one.promote(Duration.ofMillis(100)))
          .isInstanceOf(TimeoutException.class)
          .hasMessageContaining("none is live");
      assertThat(one.isLive()).isFalse();
      goOn.countDown();
      assertThat(one.promote(PATIENCE)).isTrue();
    } finally {
      goOn.countDown();
    }
  }

  @Test
  void a_version_that_has_parked_events_or_has_stopped_is_not_promoted() throws Exception {
    ill = true;
    AppendResult poison = append(stream("1"), deposited(1));
    FailurePolicy.Retries once =
        FailurePolicy.retry(1).backOff(Duration.ofMillis(1), Duration.ofMillis(1));
    try (Projection parks = version(1).onFailure(once.thenPark()).start();
        Projection stops = version(2).onFailure(once.thenStop()).start()) {
      eventually(() -> parks.subscription().parked().count() == 1);
      eventually(() -> stops.subscription().status().state() == State.FAILED);
      assertThatThrownBy(() -> parks.promote(PATIENCE))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("has parked 1 event");
      assertThatThrownBy(() -> stops.promote(PATIENCE))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("has stopped");

      assertThat(parks.subscription().parked().discard(poison.position(), "no use")).isTrue();
      assertThat(parks.promote(PATIENCE)).isTrue();
    }
  }

  @Test
  void a_version_that_cannot_be_created_is_not_registered() {
    ProjectionDefinition impossible =
        new Noting() {
          @Override
          public void create(String table, Connection connection) {
            throw new IllegalStateException("no table");
          }
        };
    assertThatThrownBy(() -> version(1).definition(impossible).start())
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("no table");
    assertThat(projections().drop(category, 1, impossible)).isFalse();
    version(1).start().close();
    assertThat(done).contains("create " + table(1));
  }

  @Test
  void a_version_whose_definition_fails_to_promote_or_drop_it_stays_as_it_is() throws Exception {
    ProjectionDefinition impossible =
        new Noting() {
          @Override
          public void promote(String table, Connection connection) {
            throw new IllegalStateException("no view");
          }

          @Override
          public void drop(String table, Connection connection) {
            throw new IllegalStateException("no drop");
          }
        };
    try (Projection one = version(1).definition(impossible).start()) {
      assertThatThrownBy(() -> one.promote(PATIENCE)).hasMessage("no view");
      assertThat(one.isLive()).isFalse();
      assertThatThrownBy(one::drop).hasMessage("no drop");
    }
    try (Projection one = version(1).start()) {
      assertThat(one.promote(PATIENCE)).isTrue();
    }
  }

  @Test
  void a_version_that_is_dropped_while_it_runs_stops_with_an_error() throws Exception {
    try (Projection one = version(1).start()) {
      assertThat(projections().drop(category, 1, new Noting())).isTrue();
      append(stream("1"), deposited(1));
      eventually(() -> one.subscription().status().state() == State.FAILED);
      assertThat(done).doesNotContain(table(1) + " 1");
    }
  }

  @Test
  void another_query_needs_another_version() {
    version(1).start().close();
    assertThatThrownBy(() -> version(1).types(Opened.class).start())
        .isInstanceOf(QueryMismatchException.class)
        .hasMessageContaining("new version");
    version(2).types(Opened.class).start().close();
  }

  @Test
  void events_are_projected_on_demand() {
    append(stream("1"), deposited(1), deposited(2));
    append(stream("2"), deposited(3));
    EventQuery ours = EventQuery.all().categories(category);

    int all = projections().onDemand(ours, new Noting(), (table, connection) -> handled(table));
    int one =
        projections().onDemand(stream("1"), new Noting(), (table, connection) -> handled(table));

    assertThat(all).isEqualTo(3);
    assertThat(one).isEqualTo(2);
    assertThat(projections().liveVersion(category)).isEmpty();
  }

  private int handled(String table) {
    return (int) done.stream().filter(line -> line.startsWith(table + " ")).count();
  }

  /** Records what is done. */
  private class Noting implements ProjectionDefinition {

    @Override
    public void create(String table, Connection connection) {
      done.add("create " + table);
    }

    @Override
    public void handle(String table, EventBatch batch) {
      if (ill) {
        throw new IllegalStateException("ill");
      }
      batch.forEach(event -> done.add(table + " " + event.version()));
    }

    @Override
    public void promote(String table, Connection connection) {
      done.add("promote " + table);
    }

    @Override
    public void drop(String table, Connection connection) {
      done.add("drop " + table);
    }
  }
}
