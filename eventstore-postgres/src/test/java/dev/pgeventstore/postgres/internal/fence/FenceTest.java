package dev.pgeventstore.postgres.internal.fence;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The tracker alone: scripted observations, and a simulated server in thousands of random ones. */
class FenceTest {

  private static Holder live(String virtualTransaction) {
    return new Holder(virtualTransaction, false);
  }

  private static Holder prepared(String virtualTransaction) {
    return new Holder(virtualTransaction, true);
  }

  @Test
  void without_holders_everything_that_was_drawn_is_settled() {
    Fence fence = new Fence(0);

    assertThat(fence.observe(7, List.of())).isEqualTo(7);
    assertThat(fence.hasHolders()).isFalse();
  }

  @Test
  void a_holder_keeps_the_mark_at_what_was_drawn_before_it_came() {
    Fence fence = new Fence(0);
    fence.observe(7, List.of());

    assertThat(fence.observe(9, List.of(live("3/5")))).isEqualTo(7);
    assertThat(fence.observe(12, List.of(live("3/5"), live("4/1")))).isEqualTo(7);
    assertThat(fence.hasHolders()).isTrue();
    assertThat(fence.observe(12, List.of(live("4/1")))).isEqualTo(9);
    assertThat(fence.observe(12, List.of())).isEqualTo(12);
  }

  @Test
  void the_mark_never_goes_back() {
    Fence fence = new Fence(0);
    fence.observe(7, List.of());

    assertThat(fence.observe(5, List.of())).isEqualTo(7);
    assertThat(fence.observe(5, List.of(live("3/5")))).isEqualTo(7);
  }

  @Test
  void at_the_first_observation_a_holder_keeps_the_mark_at_what_is_known_to_be_settled() {
    Fence fence = new Fence(4);

    assertThat(fence.observe(9, List.of(live("3/5")))).isEqualTo(4);
    assertThat(fence.observe(9, List.of())).isEqualTo(9);
  }

  @Test
  void a_backend_in_the_last_moment_of_its_commit_is_still_the_same_holder() {
    Fence fence = new Fence(0);
    fence.observe(7, List.of());
    fence.observe(9, List.of(live("3/5")));
    fence.observe(12, List.of(live("3/5")));

    assertThat(fence.observe(14, List.of(live("3/0")))).isEqualTo(7);
  }

  @Test
  void the_next_transaction_of_a_backend_is_another_holder() {
    Fence fence = new Fence(0);
    fence.observe(7, List.of());
    fence.observe(9, List.of(live("3/5")));

    assertThat(fence.observe(12, List.of(live("3/6")))).isEqualTo(9);
  }

  @Test
  void a_prepared_transaction_keeps_the_bound_it_had_when_its_name_stays() {
    Fence fence = new Fence(0);
    fence.observe(7, List.of());
    fence.observe(9, List.of(live("3/5")));

    assertThat(fence.observe(12, List.of(prepared("3/5"), live("3/6")))).isEqualTo(7);
    assertThat(fence.observe(12, List.of(prepared("3/5")))).isEqualTo(7);
  }

  @Test
  void a_prepared_transaction_under_a_new_name_keeps_the_mark_where_it_is() {
    Fence fence = new Fence(0);
    fence.observe(7, List.of());
    fence.observe(9, List.of(live("3/5")));

    assertThat(fence.observe(12, List.of(prepared("-1/5")))).isEqualTo(7);
    assertThat(fence.observe(12, List.of())).isEqualTo(12);
  }

  @Test
  void a_prepared_transaction_does_not_end_with_the_commit_of_its_backends_next_one() {
    Fence fence = new Fence(0);
    fence.observe(7, List.of());
    fence.observe(9, List.of(live("3/5")));
    fence.observe(12, List.of(prepared("3/5"), live("3/6")));

    assertThat(fence.observe(12, List.of(prepared("3/5"), live("3/0")))).isEqualTo(7);
    assertThat(fence.observe(15, List.of(prepared("3/5")))).isEqualTo(7);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void no_position_at_or_below_the_mark_ever_becomes_visible_later(boolean preparedKeepTheirName) {
    for (long seed = 1; seed <= 400; seed++) {
      SimulatedServer server = new SimulatedServer(seed, preparedKeepTheirName);
      server.run(400);
    }
  }

  @ParameterizedTest
  @EnumSource(SimulatedServer.Mistake.class)
  void a_mistake_is_caught_by_the_same_simulation(SimulatedServer.Mistake mistake) {
    long caught = 0;
    for (long seed = 1; seed <= 50; seed++) {
      SimulatedServer server = new SimulatedServer(seed, true, mistake);
      try {
        server.run(400);
      } catch (AssertionError e) {
        caught++;
      }
    }
    assertThat(caught).isEqualTo(50);
  }
}
