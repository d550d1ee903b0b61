package dev.pgeventstore.observability;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.pgeventstore.observability.Programs.Ended;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With Prometheus' own tool, if it is installed: {@code apt-get install prometheus}. */
class AlertRulesTest {

  private static final Path FOLDER = Programs.ofProject("observability");

  @BeforeAll
  static void needsPromtool() {
    assumeTrue(Programs.find("promtool").isPresent(), "promtool is not installed");
  }

  @Test
  void prometheus_accepts_the_rules() throws Exception {
    Ended check = promtool(FOLDER, "check", "rules", "alerts.yml");
    assertThat(check.code()).as(check.output()).isZero();
  }

  @Test
  void every_alert_fires_when_it_should_and_only_then() throws Exception {
    Ended test = promtool(FOLDER, "test", "rules", "alerts-test.yml");
    assertThat(test.code()).as(test.output()).isZero();
  }

  @Test
  void every_alert_is_tested() throws Exception {
    String tests = Files.readString(FOLDER.resolve("alerts-test.yml"));
    List<String> alerts =
        Pattern.compile("- alert: (\\w+)")
            .matcher(Files.readString(FOLDER.resolve("alerts.yml")))
            .results()
            .map(alert -> alert.group(1))
            .toList();
    assertThat(alerts)
        .hasSizeGreaterThan(5)
        .allSatisfy(
            alert -> {
              assertThat(tests)
                  .containsPattern("alertname: " + alert + "\n +exp_alerts:\n +- exp_labels");
            });
  }

  /** A rule that never fires must fail its test. */
  @Test
  @Tag("faults")
  void a_rule_that_is_broken_is_noticed(@TempDir Path folder) throws Exception {
    String rules = Files.readString(FOLDER.resolve("alerts.yml"));
    Files.copy(FOLDER.resolve("alerts-test.yml"), folder.resolve("alerts-test.yml"));
    List<MatchResult> conditions =
        Pattern.compile("(> 0|== 0|> 30)\n").matcher(rules).results().toList();
    assertThat(conditions).hasSizeGreaterThan(8);
    for (MatchResult condition : conditions) {
      String broken =
          rules.substring(0, condition.start()) + "> 1e9\n" + rules.substring(condition.end());
      Files.writeString(folder.resolve("alerts.yml"), broken);
      Ended test = promtool(folder, "test", "rules", "alerts-test.yml");
      assertThat(test.code()).as(broken).isNotZero();
    }
  }

  private static Ended promtool(Path folder, String... arguments) throws Exception {
    Path tool = Programs.find("promtool").orElseThrow();
    return Programs.run(
        folder, Stream.concat(Stream.of(tool.toString()), Stream.of(arguments)).toList());
  }
}
