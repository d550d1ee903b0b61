package dev.pgeventstore.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.testkit.servers.PostgresExtension;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(PostgresExtension.class)
class BenchmarksTest {

  private static final List<String> WORKS =
      List.of(
          "append 1 event, 1 writer",
          "append 1 event, 8 writers",
          "append 1 event, 32 writers",
          "append 1 event, 128 writers",
          "append 100 events, 8 writers",
          "append 1 event, 1 thread, 512 in flight",
          "append 1 event, 1 thread, 2048 in flight",
          "append 1 event, 1 thread, 2048 in flight : 32 plain writers",
          "append 1 event, 8 writers on one stream, any version",
          "append 1 event, 8 writers on one stream, exact version",
          "import by COPY",
          "retry 2000 events in 1 stream : first try",
          "retry 500 events in 500 streams : first try",
          "load 10 events, 1 reader",
          "load 10 events, 8 readers",
          "load 100 events, 1 reader",
          "load 100 events, 8 readers",
          "load 10000 events, 1 reader",
          "load 10000 events lazily, 1 reader",
          "load a snapshot and 10 events, 1 reader",
          "catch-up, raw",
          "catch-up, decoded",
          "catch-up, subscription, raw",
          "catch-up, subscription, decoded",
          "catch-up, one category of 1 % : all",
          "catch-up, subscription, one category of 1 % : all",
          "catch-up, projection, 1 partition",
          "catch-up, projection, 4 partitions",
          "live latency, 200 appends/s",
          "live latency, 10 subscriptions, 200 appends/s",
          "live latency across two processes, 200 appends/s",
          "append 1 event, 1 writer, live subscription : none",
          "append 1 event, 8 writers, live subscription : none",
          "append 1 event, 8 writers, 8 live subscriptions : none",
          "append 1 event, 1 writer, metrics and tracing : plain",
          "append 1 event, 8 writers, metrics and tracing : plain",
          "idle, 3 subscriptions",
          "relay, exactly once",
          "relay, at least once",
          "relay, a plain producer from memory",
          "relay latency, exactly once, 200 appends/s",
          "relay latency, at least once, 200 appends/s",
          "append 1 event, 8 writers, 3000 stored : few",
          "append 1 event, 8 writers, 4000 stored : few");

  /** Throughput, p50 and p99. */
  private static final int SPEED_AND_LATENCY = 5 + 3 + 2 + 3 + 2 + 2;

  /** One figure for each of: retries, imports, loads, reading and publishing the log. */
  private static final int SPEED = 2 + 1 + 7 + 4 + 2 + 2 + 3;

  /**
   * Latencies of appends at a pace, until they are handled or can be read; the cost of idle
   * subscriptions.
   */
  private static final int LIVE = 3 * 7 + 2 + 2 * 3;

  // Works that read count the events, and fail if any are missing.
  @Test
  @Tag("faults")
  void every_work_is_measured_in_every_pair_on_both_sides(
      PostgresServer server, @TempDir Path folder) throws Exception {
    Options options =
        Options.parse(
            "--pairs",
            "1",
            "--warm-up",
            "0",
            "--seconds",
            "0.02",
            "--live-seconds",
            "0.1",
            "--events",
            "2503",
            "--streams",
            "3",
            "--idle",
            "3",
            "--stored",
            "3000",
            "--stored-large",
            "4000",
            "--output",
            folder.toString());
    Results results = new Benchmarks(options).run(server);
    assertThat(WORKS).allSatisfy(work -> assertThat(results.pairs(work)).as(work).isEqualTo(1));

    Path csv = folder.resolve("benchmarks.csv");
    results.writeCsv(csv);
    // The CPU figures that are known depend on the system.
    List<String> lines =
        Files.readAllLines(csv).stream().filter(line -> !line.contains(" CPU ")).toList();
    assertThat(lines).hasSize(1 + (SPEED_AND_LATENCY * 3 + SPEED + LIVE));
    assertThat(lines)
        .filteredOn(line -> line.endsWith(","))
        .as("without a limit")
        .allSatisfy(
            line ->
                assertThat(line)
                    .containsAnyOf(
                        "\"live latency",
                        "\"idle",
                        ", projection,",
                        "relay latency",
                        "plain producer from memory"));
  }

  @Test
  void the_sides_of_a_pair_take_turns_in_going_first(PostgresServer server) throws Exception {
    List<String> called = new ArrayList<>();
    Work work = Work.of("work", () -> called(called, "ours"), () -> called(called, "limit"));
    CpuMeter meter = new CpuMeter(server);
    for (boolean oursFirst : new boolean[] {true, false}) {
      Benchmarks.Pair pair = Benchmarks.measure(work, oursFirst, meter);
      assertThat(pair.ours().byUnit()).containsKey("ours");
      assertThat(pair.limit().byUnit()).containsKey("limit");
    }
    assertThat(called).containsExactly("ours", "limit", "limit", "ours");
  }

  private static Figures called(List<String> called, String side) {
    called.add(side);
    return new Figures(Map.of(side, 1.0), 1);
  }

  @Test
  void works_are_chosen_by_parts_of_their_names() {
    Options options = Options.parse("--only", "catch-up, import");
    assertThat(options.choose(named("catch-up, raw"))).isTrue();
    assertThat(options.choose(named("import by COPY"))).isTrue();
    assertThat(options.choose(named("load 10 events"))).isFalse();
    assertThat(Options.parse().choose(named("load 10 events"))).isTrue();
  }

  private static Work named(String name) {
    return Work.of(name, () -> new Figures(Map.of(), 0));
  }

  @Test
  void an_unknown_option_prints_the_usage() {
    assertThatThrownBy(() -> Options.parse("--pair", "5"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("unknown option --pair")
        .hasMessageContaining("--live-seconds 3");
  }
}
