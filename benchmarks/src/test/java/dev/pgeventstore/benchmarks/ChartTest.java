package dev.pgeventstore.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringReader;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class ChartTest {

  private static final List<Results.Ratio> RATIOS =
      List.of(
          new Results.Ratio("append", "events/s", new Interval(0.5, 0.4, 0.6, 0.95)),
          new Results.Ratio("a & b", "ms", new Interval(0.0001, 0.0001, 300, 0.95)));

  @Test
  void there_is_a_bar_for_each_work_and_a_mark_for_each_floor() throws Exception {
    Document svg = parsed(Chart.of(RATIOS, Map.of("append", 0.3)));
    // Two bars, the background, and the two of the legend.
    assertThat(svg.getElementsByTagName("rect").getLength()).isEqualTo(5);
    assertThat(marks(svg)).as("and one in the legend").isEqualTo(2);
  }

  @Test
  void without_works_there_is_still_a_chart() throws Exception {
    assertThat(marks(parsed(Chart.of(List.of(), Map.of())))).isEqualTo(1);
  }

  private static int marks(Document svg) {
    int marks = 0;
    for (int i = 0; i < svg.getElementsByTagName("line").getLength(); i++) {
      if (svg.getElementsByTagName("line")
          .item(i)
          .getAttributes()
          .getNamedItem("stroke")
          .getNodeValue()
          .equals("#c62828")) {
        marks++;
      }
    }
    return marks;
  }

  private static Document parsed(Chart chart) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(chart.text())));
  }
}
