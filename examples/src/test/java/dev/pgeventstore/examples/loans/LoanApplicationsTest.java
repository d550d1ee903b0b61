package dev.pgeventstore.examples.loans;

import static dev.pgeventstore.examples.logs.XesText.FOOT;
import static dev.pgeventstore.examples.logs.XesText.HEAD;
import static dev.pgeventstore.examples.logs.XesText.declined;
import static dev.pgeventstore.examples.logs.XesText.log;
import static dev.pgeventstore.examples.logs.XesText.submitted;
import static dev.pgeventstore.examples.logs.XesText.trace;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.examples.logs.XesText;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.UUID;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
class LoanApplicationsTest {

  @TempDir Path folder;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void the_example_runs_on_its_own_servers() throws Exception {
    Path file = XesText.write(folder, log(trace("1", submitted(), declined())));

    assertThat(run(file.toString())).isZero();

    assertThat(out.toString(UTF_8))
        .contains("1 applications: 2 events appended, 0 were there already")
        .containsPattern("amount asked for, all together +20,000\n")
        .containsPattern("DECLINED +1\n")
        .containsPattern("Read back from Kafka.*\n.*applications +1\n.*events +2\n");
    assertThat(err.toString(UTF_8)).isEmpty();
  }

  @Test
  void a_damaged_file_is_reported_in_one_line_and_a_repaired_one_is_completed(Database database)
      throws Exception {
    byte[] whole = XesText.gzip(log(trace("1", submitted()), trace("2", submitted(), declined())));
    Path file = folder.resolve("log.xes.gz");

    Files.write(file, Arrays.copyOf(whole, whole.length - 4));
    assertThat(run("--no-kafka", "--pg-url", database.url(), file.toString())).isEqualTo(1);
    assertThat(err.toString(UTF_8))
        .startsWith(file + ", line ")
        .endsWith("the gzipped data ends too early, so the file is not complete\n")
        .hasLineCount(1);

    out.reset();
    Files.write(file, whole);
    assertThat(run("--no-kafka", "--pg-url", database.url(), file.toString())).isZero();
    assertThat(out.toString(UTF_8))
        .contains("2 applications: 0 events appended, 3 were there already")
        .containsPattern("events +3\n");
  }

  @Test
  void after_a_broken_application_the_tables_have_those_before_it(Database database)
      throws Exception {
    String broken = HEAD + trace("1", submitted()) + trace("2", submitted(), "<event>") + FOOT;
    assertThat(
            run("--no-kafka", "--pg-url", database.url(), XesText.write(folder, broken).toString()))
        .isEqualTo(1);

    Path mended =
        XesText.write(folder, log(trace("1", submitted()), trace("2", submitted(), declined())));
    assertThat(run("--no-kafka", "--pg-url", database.url(), mended.toString())).isZero();

    assertThat(out.toString(UTF_8))
        .contains("2 applications: 2 events appended, 1 were there already")
        .containsPattern("applications +2\n")
        .containsPattern("DECLINED +1\n")
        .containsPattern("none +1\n");
  }

  @Tag("faults")
  @Test
  void a_topic_that_has_events_of_another_database_is_refused(
      PostgresServer server, KafkaBroker broker) throws Exception {
    Path file = XesText.write(folder, log(trace("1", submitted())));
    String topic = "loans-" + UUID.randomUUID();
    String kafka = broker.bootstrap();

    String one = server.createDatabase().url();
    assertThat(run("--pg-url", one, "--kafka-bootstrap", kafka, "--topic", topic, file.toString()))
        .isZero();
    String another = server.createDatabase().url();
    XesText.write(folder, log(trace("2", submitted())));
    assertThat(
            run("--pg-url", another, "--kafka-bootstrap", kafka, "--topic", topic, file.toString()))
        .isEqualTo(1);

    assertThat(err.toString(UTF_8)).contains(topic).hasLineCount(1);
  }

  @Test
  void an_unreachable_database_is_reported() throws Exception {
    Path file = XesText.write(folder, log());

    assertThat(
            run("--no-kafka", "--pg-url", "jdbc:postgresql://127.0.0.1:1/nothing", file.toString()))
        .isEqualTo(1);
    assertThat(err.toString(UTF_8)).contains("127.0.0.1:1 refused").hasLineCount(1);
  }

  @Test
  void an_invalid_command_line_is_reported_with_the_usage() throws Exception {
    assertThat(run()).isEqualTo(2);
    assertThat(run("--colour", "a.xes")).isEqualTo(2);
    assertThat(run("a.xes", "b.xes")).isEqualTo(2);
    assertThat(run("a.xes", "--pg-url")).isEqualTo(2);
    assertThat(err.toString(UTF_8))
        .contains("the file is missing\nusage: ")
        .contains("there is no option --colour\n")
        .contains("there are two files, a.xes and b.xes\n")
        .contains("--pg-url has no value\n");
  }

  private int run(String... arguments) throws Exception {
    return LoanApplications.run(
        new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), arguments);
  }
}
