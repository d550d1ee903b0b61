package dev.pgeventstore.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.testkit.AggregatesTest.Account;
import dev.pgeventstore.testkit.contracts.AccountEvent;
import dev.pgeventstore.testkit.contracts.AccountEvent.Opened;
import java.time.Instant;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class EvolutionFixtureTest {

  private final EvolutionFixture<Account, AccountEvent> fixture =
      EvolutionFixture.of(Account.EVOLUTION);

  private static AccountEvent deposited(long cents) {
    return new AccountEvent.Deposited(cents, Instant.EPOCH);
  }

  @Test
  void the_decided_events_and_the_state_after_them_are_asserted() {
    fixture
        .given(new Opened("ann"))
        .given(deposited(5))
        .when(account -> account.deposit(account.cents()))
        .then(deposited(5))
        .thenState(new Account(true, 10));
    fixture.given(new Opened("ann")).when(account -> account.deposit(0)).thenNothing();
  }

  @Test
  void a_refusal_is_asserted_and_returned() {
    IllegalStateException refusal =
        fixture.when(account -> account.deposit(5)).thenThrows(IllegalStateException.class);
    assertThat(refusal).hasMessage("the account is not open");
  }

  @Test
  void a_failure_shows_both_sides() {
    var decision = fixture.given(new Opened("ann")).when(account -> account.deposit(5));
    assertThatThrownBy(() -> decision.then(deposited(6), deposited(7)))
        .isInstanceOf(AssertionError.class)
        .hasMessage(
            """
            given
              1. Opened[owner=ann]
            with the state
              Account[open=true, cents=0]
            expected these events
              1. Deposited[cents=6, at=1970-01-01T00:00:00Z]
              2. Deposited[cents=7, at=1970-01-01T00:00:00Z]
            but decided
              1. Deposited[cents=5, at=1970-01-01T00:00:00Z]""");
    assertThatThrownBy(decision::thenNothing)
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("expected no event\nbut decided\n  1. Deposited[cents=5");
    assertThatThrownBy(() -> decision.thenState(new Account(true, 6)))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("expected this state\n  Account[open=true, cents=6]")
        .hasMessageContaining("but the state is\n  Account[open=true, cents=5]");
    assertThatThrownBy(() -> decision.thenThrows(IllegalStateException.class))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("java.lang.IllegalStateException")
        .hasMessageContaining("but decided\n  1. Deposited[cents=5");
  }

  @Test
  void a_refusal_that_was_not_expected_is_shown_with_its_cause() {
    var decision = fixture.when(account -> account.deposit(5));
    for (ThrowingCallable assertion :
        List.<ThrowingCallable>of(
            () -> decision.then(deposited(5)),
            decision::thenNothing,
            () -> decision.thenState(new Account(false, 0)),
            () -> decision.thenThrows(IllegalArgumentException.class))) {
      assertThatThrownBy(assertion)
          .isInstanceOf(AssertionError.class)
          .hasMessageContaining("given\n  nothing")
          .hasMessageContaining("but thrown was\n  java.lang.IllegalStateException: the account")
          .hasCauseInstanceOf(IllegalStateException.class);
    }
  }
}
