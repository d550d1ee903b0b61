package dev.pgeventstore.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.testkit.servers.PostgresServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchmarksTest {

  private static final List<String> WORKS =
      List.of(
          "append 1 event, 1 writer",
          "append 1 event, 8 writers",
          "append 1 event, 32 writers",
          "append 100 events, 8 writers",
          "import by COPY",
          "load 10 events, 1 reader",
          "load 10 events, 8 readers",
          "load 100 events, 1 reader",
          "load 100 events, 8 readers",
          "catch-up, raw",
          "catch-up, decoded",
          "catch-up, subscription, raw",
          "catch-up, subscription, decoded",
          "catch-up, one category of 1 % : all",
          "catch-up, subscription, one category of 1 % : all",
          "live latency, 200 appends/s",
          "append 1 event, 1 writer, live subscription : none",
          "append 1 event, 8 writers, live subscription : none");

  // Works that read count what they get, and fail if it is not all there is.
  @Test
  void every_work_is_measured_in_every_round_on_both_sides(@TempDir Path folder) throws Exception {
    Options options =
        Options.parse(
            "--rounds",
            "2",
            "--seconds",
            "0.02",
            "--live-seconds",
            "0.1",
            "--events",
            "2503",
            "--streams",
            "3",
            "--output",
            folder.toString());
    Results results;
    try (PostgresServer server = PostgresServer.start()) {
      results = new Benchmarks(options).run(server);
    }
    assertThat(WORKS).allSatisfy(work -> assertThat(results.rounds(work)).as(work).isEqualTo(2));

    Path csv = folder.resolve("benchmarks.csv");
    results.writeCsv(csv);
    List<String> lines = Files.readAllLines(csv);
    assertThat(lines).hasSize(1 + 2 * (6 * 3 + 4 + 4 + 7 + 3));
    assertThat(lines)
        .filteredOn(line -> line.endsWith(","))
        .as("without a limit")
        .allSatisfy(line -> assertThat(line).startsWith("\"live latency"));
  }

  @Test
  void an_unknown_option_explains_them_all() {
    assertThatThrownBy(() -> Options.parse("--round", "5"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("unknown option --round")
        .hasMessageContaining("--live-seconds 10");
  }
}
