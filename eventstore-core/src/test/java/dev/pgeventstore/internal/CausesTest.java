package dev.pgeventstore.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.sql.SQLException;
import org.junit.jupiter.api.Test;

class CausesTest {

  @Test
  void a_cycle_of_causes_is_visited_once() {
    IllegalStateException first = new IllegalStateException("first");
    IOException second = new IOException("second", first);
    first.initCause(second);

    assertThat(Causes.of(first)).containsExactly(first, second);
    assertThat(SqlFailure.of(first)).isEqualTo(SqlFailure.PERMANENT);
  }

  @Test
  void a_cycle_of_sql_failures_is_visited_once() {
    SQLException first = new SQLException("first", "08006");
    SQLException second = new SQLException("second", "08006", first);
    first.initCause(second);
    first.setNextException(second);
    second.setNextException(first);

    assertThat(SqlFailure.of(first)).isEqualTo(SqlFailure.LOST);
    assertThat(SqlFailure.isCut(first)).isFalse();
  }

  @Test
  void causes_that_never_end_are_cut_off() {
    assertThat(Causes.of(new Endless())).hasSize(100);
  }

  @Test
  void a_failure_whose_message_fails_is_named_by_its_class() {
    assertThat(Causes.of(new Speechless())).hasSize(1);
    assertThat(Causes.text(new Speechless())).isEqualTo(Speechless.class.getName());
    assertThat(Causes.text(new IllegalStateException("no"))).contains("no");
    assertThat(Causes.loggable(new Speechless()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(Speechless.class.getName());
    IllegalStateException plain = new IllegalStateException("no");
    assertThat(Causes.loggable(plain)).isSameAs(plain);
  }

  /** Each has a new one as its cause. */
  private static final class Endless extends RuntimeException {
    private static final long serialVersionUID = 1L;

    @Override
    public synchronized Throwable getCause() {
      return new Endless();
    }
  }

  private static final class Speechless extends RuntimeException {
    private static final long serialVersionUID = 1L;

    @Override
    public String getMessage() {
      throw new IllegalStateException("no message");
    }

    @Override
    public synchronized Throwable getCause() {
      throw new IllegalStateException("no cause");
    }
  }
}
