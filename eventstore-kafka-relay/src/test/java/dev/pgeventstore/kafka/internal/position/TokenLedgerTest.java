package dev.pgeventstore.kafka.internal.position;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.RelayHaltedException;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenLedgerTest {

  private static TokenLedger drawn(TokenLedger ledger, String epoch, int times) {
    TokenLedger next = ledger;
    for (int i = 0; i < times; i++) {
      next = next.drawn(epoch, Position.of(ledger.readUpTo().value() + i + 1), Optional.empty());
    }
    return next;
  }

  @Test
  void a_token_is_known_by_its_epoch_and_its_number() {
    TokenLedger ledger = drawn(drawn(TokenLedger.NONE, "a", 3), "b", 2);

    assertThat(ledger.last()).contains(new Token("b", 5));
    assertThat(ledger.readUpTo()).isEqualTo(Position.of(5));
    assertThat(ledger.knows(new Token("a", 3))).isTrue();
    assertThat(ledger.knows(new Token("b", 4))).isTrue();
    assertThat(ledger.knows(new Token("a", 4))).as("drawn by a copy of this database").isFalse();
    assertThat(ledger.knows(new Token("c", 5))).isFalse();
    assertThat(ledger.knows(new Token("b", 6))).as("drawn after what was restored").isFalse();
    assertThat(ledger.knows(new Token("b", 3))).isFalse();
    assertThat(TokenLedger.parse(ledger.format())).isEqualTo(ledger);
  }

  @Test
  void nothing_is_known_before_the_first_token() {
    assertThat(TokenLedger.parse(null).last()).isEmpty();
    assertThat(TokenLedger.parse(null).knows(new Token("a", 1))).isFalse();
    assertThat(TokenLedger.parse(null).isOlder(new Token("a", 1))).isFalse();
  }

  @Test
  void the_latest_epochs_are_remembered_and_the_one_that_is_in_kafka() {
    TokenLedger ledger = drawn(TokenLedger.NONE, "first", 3);
    Token inKafka = new Token("first", 2);
    for (int lead = 0; lead < 100; lead++) {
      ledger = ledger.drawn("lead" + lead, Position.of(9), Optional.of(inKafka));
    }
    assertThat(ledger.epochs()).hasSize(20);
    assertThat(ledger.knows(inKafka)).isTrue();
    assertThat(ledger.knows(new Token("lead99", 103))).isTrue();
    assertThat(ledger.knows(new Token("lead50", 54))).isFalse();
    assertThat(ledger.isOlder(new Token("lead50", 54)))
        .as("it is younger than one known")
        .isFalse();

    ledger = ledger.drawn("next", Position.of(9), Optional.of(new Token("lead99", 103)));
    assertThat(ledger.knows(inKafka)).isFalse();
    assertThat(ledger.isOlder(inKafka)).isTrue();
    assertThat(ledger.published()).contains(new Token("lead99", 103));
    assertThat(TokenLedger.parse(ledger.format())).isEqualTo(ledger);
  }

  @Test
  void one_that_begins_anew_knows_nothing_before() {
    TokenLedger before = drawn(TokenLedger.NONE, "a", 3);
    TokenLedger anew = TokenLedger.anew(7, Position.of(40));

    assertThat(anew.lastNumber()).isEqualTo(8);
    assertThat(anew.knows(before.last().orElseThrow())).isFalse();
    assertThat(anew.knows(anew.last().orElseThrow())).isTrue();
    assertThat(TokenLedger.anew(7, Position.of(40))).isNotEqualTo(anew);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "format=2\nepochs=a:1..2", "format=1", "format=1\nepochs=a:x..2"})
  void what_it_does_not_know_it_does_not_read(String text) {
    assertThatThrownBy(() -> TokenLedger.parse(text)).isInstanceOf(RelayHaltedException.class);
  }

  @Test
  void the_longest_token_is_as_long_as_is_reckoned_with() {
    for (int i = 0; i < 1_000; i++) {
      assertThat(new Token(Token.newEpoch(), Long.MAX_VALUE).toString())
          .hasSizeLessThanOrEqualTo(Token.LONGEST);
    }
  }
}
