package dev.pgeventstore.kafka.internal.consumer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.kafka.consumer.MarkHeldException;
import dev.pgeventstore.kafka.consumer.SequenceId;
import dev.pgeventstore.kafka.internal.consumer.TryFailedException.Stage;
import java.sql.SQLException;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class BlameRulesTest {

  private static final SequenceId SEQUENCE = new SequenceId("shop", 0, "orders", 0);

  private boolean well = true;
  private final BlameRules rules = new BlameRules(() -> well);

  @ParameterizedTest
  @ValueSource(strings = {"55P03", "57014", "25006", "08006", "40001", "53100", "42P01", "42501"})
  void what_fails_before_the_handler_is_called_is_never_the_records(String state) {
    assertThat(of(Stage.BEFORE, state)).isEqualTo(Blame.ENVIRONMENT);
  }

  @Test
  void a_mark_that_is_held_is_waited_for() {
    MarkHeldException held = new MarkHeldException(SEQUENCE, Optional.empty(), sql("55P03"));
    assertThat(rules.of(new TryFailedException(Stage.BEFORE, held, false), 0))
        .isEqualTo(Blame.MARK_HELD);
  }

  @ParameterizedTest
  @ValueSource(strings = {"55P03", "57014", "25006", "53400"})
  void a_statement_that_is_refused_is_the_records_if_the_database_is_well(String state) {
    assertThat(of(Stage.HANDLER, state)).isEqualTo(Blame.RECORD);
    assertThat(of(Stage.COMMIT, state)).isEqualTo(Blame.RECORD);
    well = false;
    assertThat(of(Stage.HANDLER, state)).isEqualTo(Blame.ENVIRONMENT);
    assertThat(of(Stage.COMMIT, state)).isEqualTo(Blame.ENVIRONMENT);
  }

  @ParameterizedTest
  @EnumSource(names = {"HANDLER", "COMMIT"})
  void a_lost_connection_that_lives_is_the_records(Stage stage) {
    TryFailedException raised = new TryFailedException(stage, sql("08006"), true);
    assertThat(rules.of(raised, 0)).isEqualTo(Blame.RECORD);
    well = false;
    assertThat(rules.of(raised, 0)).isEqualTo(Blame.ENVIRONMENT);
  }

  @ParameterizedTest
  @ValueSource(strings = {"40001", "40P01", "08006", "57P01", "53200"})
  void ten_in_a_row_at_one_place_are_the_records(String state) {
    TryFailedException elsewhere = new TryFailedException(Stage.HANDLER, sql(state), false);
    assertThat(rules.of(elsewhere, 0)).isEqualTo(Blame.ENVIRONMENT);
    for (int time = 1; time < 10; time++) {
      assertThat(of(Stage.HANDLER, state)).isEqualTo(Blame.ENVIRONMENT);
    }
    assertThat(of(Stage.HANDLER, state)).isEqualTo(Blame.RECORD);
  }

  @ParameterizedTest
  @ValueSource(strings = {"53100", "53300", "53000"})
  void what_is_missing_for_all_is_never_the_records(String state) {
    for (int time = 1; time <= 30; time++) {
      assertThat(of(Stage.HANDLER, state)).isEqualTo(Blame.ENVIRONMENT);
      assertThat(of(Stage.MARKS, state)).isEqualTo(Blame.ENVIRONMENT);
    }
  }

  @Test
  void a_mark_that_cannot_be_moved_after_the_handler_is_the_records_at_the_tenth_time() {
    for (int time = 1; time < 10; time++) {
      assertThat(of(Stage.MARKS, "25006")).isEqualTo(Blame.ENVIRONMENT);
    }
    assertThat(of(Stage.MARKS, "25006")).isEqualTo(Blame.RECORD);
    assertThat(of(Stage.MARKS, "42501")).isEqualTo(Blame.RECORD);
  }

  @ParameterizedTest
  @EnumSource
  void errors_of_the_machine_are_its_own(Stage stage) {
    assertThat(rules.of(new TryFailedException(stage, new OutOfMemoryError(), false), 0))
        .isEqualTo(Blame.MACHINE);
  }

  private Blame of(Stage stage, String state) {
    return rules.of(new TryFailedException(stage, sql(state), false), 1);
  }

  private static SQLException sql(String state) {
    return new SQLException("on purpose", state);
  }
}
