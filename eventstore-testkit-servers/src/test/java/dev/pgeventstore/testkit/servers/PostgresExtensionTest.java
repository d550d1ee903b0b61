package dev.pgeventstore.testkit.servers;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class PostgresExtensionTest {

  private final Database ofTheConstructor;
  private Database ofTheSetUp;

  PostgresExtensionTest(Database database) {
    this.ofTheConstructor = database;
  }

  @BeforeEach
  void setUp(Database database) {
    this.ofTheSetUp = database;
  }

  @Test
  void constructor_set_up_and_method_of_a_test_get_the_same_database(Database database) {
    assertThat(ofTheConstructor).isEqualTo(database);
    assertThat(ofTheSetUp).isEqualTo(database);
  }
}
