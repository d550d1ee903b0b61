package dev.pgeventstore.examples.logs;

import static dev.pgeventstore.examples.logs.XesText.FOOT;
import static dev.pgeventstore.examples.logs.XesText.HEAD;
import static dev.pgeventstore.examples.logs.XesText.declined;
import static dev.pgeventstore.examples.logs.XesText.event;
import static dev.pgeventstore.examples.logs.XesText.gzip;
import static dev.pgeventstore.examples.logs.XesText.log;
import static dev.pgeventstore.examples.logs.XesText.submitted;
import static dev.pgeventstore.examples.logs.XesText.trace;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.assertj.core.api.AbstractStringAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class XesReaderTest {

  @TempDir Path folder;

  @Test
  void a_trace_has_its_name_its_attributes_and_its_events_in_order() throws IOException {
    List<XesTrace> traces = read(log(trace("173688", submitted(), declined())));

    assertThat(traces).hasSize(1);
    XesTrace trace = traces.get(0);
    assertThat(trace.place()).endsWith("log.xes, line 16: trace 1 '173688'");
    assertThat(trace.name()).isEqualTo("173688");
    assertThat(trace.attribute("AMOUNT_REQ")).contains("20000");
    assertThat(trace.events())
        .extracting(
            XesEvent::activity, XesEvent::lifecycle, XesEvent::resource, XesEvent::timestamp)
        .containsExactly(
            tuple(
                "A_SUBMITTED",
                "COMPLETE",
                "112",
                OffsetDateTime.parse("2011-10-01T00:38:44.546+02:00")),
            tuple(
                "A_DECLINED",
                "COMPLETE",
                "112",
                OffsetDateTime.parse("2011-10-01T00:39:37.906+02:00")));
  }

  @Test
  void an_event_may_have_no_resource() throws IOException {
    String anonymous = submitted().replaceAll(".*org:resource.*\n", "");

    assertThat(read(log(trace("1", anonymous))).get(0).events().get(0).resource()).isNull();
  }

  @Test
  void nested_attributes_are_not_treated_as_attributes_of_the_event() throws IOException {
    String nested =
        submitted()
            .replaceAll(
                "(.*key=\"org:resource\".*)/>",
                """
                $1>
                  <string key="concept:name" value="wrong"/>
                  <list key="more">
                    <values><date key="time:timestamp" value="wrong"/></values>
                  </list>
                </string>""");

    List<XesTrace> traces = read(log(trace("1", nested, declined())));

    assertThat(traces.get(0).events())
        .extracting(XesEvent::activity)
        .containsExactly("A_SUBMITTED", "A_DECLINED");
    assertThat(traces.get(0).events().get(0).attributes().get(0))
        .isEqualTo(
            new XesAttribute(
                "string",
                "org:resource",
                "112",
                List.of(
                    new XesAttribute("string", "concept:name", "wrong", List.of()),
                    new XesAttribute(
                        "list",
                        "more",
                        null,
                        List.of(
                            new XesAttribute(
                                "values",
                                "",
                                null,
                                List.of(
                                    new XesAttribute(
                                        "date", "time:timestamp", "wrong", List.of()))))))));
  }

  @Test
  void every_attribute_is_kept_with_its_type_and_text() throws IOException {
    String typed =
        """
            <event>
              <int key="cost" value="0012"/><float key="share" value="1.50"/>
              <boolean key="paid" value="true"/><id key="id" value="2f5c"/>
              <date key="due" value="2012-02-30"/><string key="note" value=" a &amp; b "/>
              <string key="note" value="again"/><container key="box"><int key="x" value="1"/></container>
            </event>
        """;

    assertThat(read(log(trace("1", typed))).get(0).events().get(0).attributes())
        .containsExactly(
            attribute("int", "cost", "0012"),
            attribute("float", "share", "1.50"),
            attribute("boolean", "paid", "true"),
            attribute("id", "id", "2f5c"),
            attribute("date", "due", "2012-02-30"),
            attribute("string", "note", " a & b "),
            attribute("string", "note", "again"),
            new XesAttribute("container", "box", null, List.of(attribute("int", "x", "1"))));
  }

  private static XesAttribute attribute(String type, String key, String value) {
    return new XesAttribute(type, key, value, List.of());
  }

  @Test
  void a_missing_attribute_is_null() throws IOException {
    List<XesTrace> traces =
        read(
            log(
                "<trace><event/></trace>",
                "<trace/>",
                "<event><string key=\"concept:name\" value=\"alone\"/></event>"));

    assertThat(traces).extracting(XesTrace::name).containsOnlyNulls();
    assertThat(traces).extracting(XesTrace::number).containsExactly(1, 2, 3);
    assertThat(traces.get(0).events())
        .containsExactly(new XesEvent(null, null, null, null, List.of()));
    assertThat(traces.get(1).events()).isEmpty();
    assertThat(traces.get(2).events()).extracting(XesEvent::activity).containsExactly("alone");
  }

  @ParameterizedTest
  @CsvSource({
    "2011-10-01T00:38:44.546+02:00, 2011-10-01T00:38:44.546+02:00",
    "2011-10-01T00:38:44.546, 2011-10-01T00:38:44.546Z",
    "2011-10-01 00:38:44, 2011-10-01T00:38:44Z",
    "2011-10-01T00:38, 2011-10-01T00:38Z",
    "2011-10-01T00:38:44Z, 2011-10-01T00:38:44Z",
    "2011-10-01T00:38:44+0200, 2011-10-01T00:38:44+02:00",
    "2011-10-01T00:38:44+02, 2011-10-01T00:38:44+02:00",
    "2011-10-01 00:38:44.123456789 -05:30, 2011-10-01T00:38:44.123456789-05:30",
    "2011-10-01, 2011-10-01T00:00Z"
  })
  void times_are_read_as_logs_write_them(String written, String meant) throws IOException {
    assertThat(read(log(trace("1", event("A", "B", written)))).get(0).events().get(0).timestamp())
        .isEqualTo(OffsetDateTime.parse(meant));
  }

  @Test
  void a_gzipped_file_is_recognised_regardless_of_its_name() throws IOException {
    Path file = write(gzip(log(trace("1", submitted()), trace("2", submitted()))));

    assertThat(read(file)).extracting(XesTrace::name).containsExactly("1", "2");
  }

  @Test
  void a_log_without_traces_gives_no_traces() throws IOException {
    assertThat(read(log())).isEmpty();
  }

  @Test
  void gzipped_data_that_ends_too_early_is_reported_after_the_traces_before_it()
      throws IOException {
    byte[] whole = gzip(log(manyTraces()));
    Path file = write(Arrays.copyOf(whole, whole.length / 2));
    List<XesTrace> before = new ArrayList<>();

    assertThatFailure(file, before)
        .containsPattern("log\\.xes, line \\d+, column \\d+, (in|after) trace \\d+")
        .endsWith("the gzipped data ends too early, so the file is not complete");
    assertThat(before).isNotEmpty();
  }

  @Test
  void a_missing_end_of_the_gzipped_data_is_reported_even_after_the_log() throws IOException {
    byte[] whole = gzip(log(trace("1", submitted())));

    assertThatFailure(write(Arrays.copyOf(whole, whole.length - 4)))
        .endsWith("the gzipped data ends too early, so the file is not complete");
    assertThatFailure(write(Arrays.copyOf(whole, 5)))
        .endsWith("the gzipped data ends too early, so the file is not complete");
  }

  @Test
  void a_flipped_bit_in_gzipped_data_is_reported() throws IOException {
    byte[] bytes = gzip(log(manyTraces()));
    bytes[bytes.length - 6] ^= 1;

    assertThatFailure(write(bytes)).contains("the gzipped data is damaged: ");
  }

  @Test
  void broken_xml_is_reported_with_line_and_column_and_trace() throws IOException {
    String broken = HEAD + trace("1", submitted()) + trace("2", "<event>", declined()) + FOOT;

    assertThatFailure(broken)
        .containsPattern(
            "log\\.xes, line 37, column \\d+, in trace 2 '2': this is not well-formed");
  }

  @Test
  void a_file_that_ends_in_the_middle_is_reported() throws IOException {
    String whole = log(trace("1", submitted()), trace("2", submitted(), declined()));

    assertThatFailure(whole.substring(0, whole.indexOf("A_DECLINED")))
        .contains("in trace 2 '2': this is not well-formed XML: ");
    assertThatFailure(whole.substring(0, whole.length() - FOOT.length()))
        .contains("after trace 2: this is not well-formed XML: ");
    assertThatFailure("").contains("log.xes");
  }

  @Test
  void bytes_that_are_not_utf_8_are_reported() throws IOException {
    byte[] bytes = log(trace("1", submitted())).getBytes(StandardCharsets.UTF_8);
    bytes[new String(bytes, StandardCharsets.UTF_8).indexOf("SUBMITTED")] = (byte) 0xff;

    assertThatFailure(write(bytes)).contains("the text is not in the encoding it should be in: ");
  }

  @Test
  void an_event_whose_timestamp_is_not_a_time_is_reported_with_its_text() throws IOException {
    assertThatFailure(log(trace("a", event("A_SUBMITTED", "COMPLETE", "2011-10-32T00:00:00Z"))))
        .endsWith(
            ": 'time:timestamp' of event 1 of trace 1 'a' is '2011-10-32T00:00:00Z',"
                + " which is no date and time");
  }

  @Test
  void a_missing_file_is_reported() {
    assertThatFailure(folder.resolve("nothing.xes")).endsWith("nothing.xes: there is no such file");
  }

  @Test
  void a_folder_is_reported() {
    assertThatFailure(folder).endsWith(": this is a folder, not a file");
  }

  @Test
  void xml_that_is_not_an_event_log_is_reported() throws IOException {
    assertThatFailure("<html><body/></html>").contains("this is XML, but no event log");
  }

  @Test
  void a_file_that_is_not_xml_is_reported() throws IOException {
    assertThatFailure("trace;activity;time\n1;A_SUBMITTED;2011\n")
        .contains("log.xes, line 1, column 1, ")
        .contains("this is not well-formed XML: ");
  }

  @Test
  void a_document_type_is_refused_so_that_no_other_file_is_ever_read() throws IOException {
    Path secret = Files.writeString(folder.resolve("secret.txt"), "secret");
    String attack =
        """
        <?xml version="1.0"?>
        <!DOCTYPE log [<!ENTITY secret SYSTEM "%s">]>
        <log><trace><string key="concept:name" value="1"/><string key="x">&secret;</string></trace></log>
        """
            .formatted(secret.toUri());

    assertThatFailure(attack).contains("a document type is not accepted").doesNotContain("secret");
  }

  private static String[] manyTraces() {
    Random random = new Random(1);
    return IntStream.range(0, 2_000)
        .mapToObj(i -> trace(Long.toString(random.nextLong()), submitted(), declined()))
        .toArray(String[]::new);
  }

  private List<XesTrace> read(String text) throws IOException {
    return read(XesText.write(folder, text));
  }

  private Path write(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("log.xes"), bytes);
  }

  private static List<XesTrace> read(Path file) {
    List<XesTrace> traces = new ArrayList<>();
    read(file, traces);
    return traces;
  }

  private static void read(Path file, List<XesTrace> traces) {
    try (XesReader reader = XesReader.open(file)) {
      reader.forEachRemaining(traces::add);
    }
  }

  private AbstractStringAssert<?> assertThatFailure(String text) throws IOException {
    return assertThatFailure(XesText.write(folder, text));
  }

  private static AbstractStringAssert<?> assertThatFailure(Path file) {
    return assertThatFailure(file, new ArrayList<>());
  }

  private static AbstractStringAssert<?> assertThatFailure(Path file, List<XesTrace> before) {
    List<String> messages = new ArrayList<>();
    assertThatExceptionOfType(ImportException.class)
        .isThrownBy(() -> read(file, before))
        .satisfies(e -> messages.add(e.getMessage()));
    return assertThat(messages.get(0)).startsWith(file.toString()).doesNotContain("\n");
  }
}
