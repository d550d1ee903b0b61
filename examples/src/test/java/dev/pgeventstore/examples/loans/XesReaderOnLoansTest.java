package dev.pgeventstore.examples.loans;

import static java.util.Comparator.comparing;
import static java.util.function.Function.identity;
import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.examples.logs.XesEvent;
import dev.pgeventstore.examples.logs.XesReader;
import dev.pgeventstore.examples.logs.XesTrace;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class XesReaderOnLoansTest {

  @Tag("faults")
  @Test
  void the_real_log_is_read_completely() {
    Set<String> names = new HashSet<>();
    List<XesEvent> events = new ArrayList<>();
    long amounts = 0;
    int longest = 0;
    try (XesReader reader = XesReader.open(LoanFile.orSkip())) {
      while (reader.hasNext()) {
        XesTrace trace = reader.next();
        names.add(trace.name());
        events.addAll(trace.events());
        amounts += Long.parseLong(trace.attribute("AMOUNT_REQ").orElseThrow());
        longest = Math.max(longest, trace.events().size());
      }
    }

    assertThat(names).hasSize(13_087);
    assertThat(events).hasSize(262_200);
    assertThat(longest).isEqualTo(175);
    assertThat(amounts).isEqualTo(177_634_511);
    assertThat(count(events, XesEvent::lifecycle))
        .containsOnly(
            Map.entry("COMPLETE", 164_506L),
            Map.entry("START", 71_376L),
            Map.entry("SCHEDULE", 26_318L));
    assertThat(events).filteredOn(event -> event.resource() == null).hasSize(18_010);
    assertThat(events.stream().map(XesEvent::resource).filter(Objects::nonNull).distinct())
        .hasSize(68);
    assertThat(count(events, XesEvent::activity))
        .containsEntry("A_DECLINED", 7_635L)
        .containsEntry("A_CANCELLED", 2_807L)
        .containsEntry("A_ACTIVATED", 2_246L)
        .containsEntry("W_Completeren aanvraag", 54_850L)
        .containsEntry("W_Nabellen offertes", 52_016L)
        .containsEntry("W_Nabellen incomplete dossiers", 25_190L);
    assertThat(events.stream().map(XesEvent::timestamp).min(comparing(OffsetDateTime::toInstant)))
        .contains(OffsetDateTime.parse("2011-10-01T00:38:44.546+02:00"));
    assertThat(events.stream().map(XesEvent::timestamp).max(comparing(OffsetDateTime::toInstant)))
        .contains(OffsetDateTime.parse("2012-03-14T16:04:54.681+01:00"));
  }

  private static Map<String, Long> count(List<XesEvent> events, Function<XesEvent, String> what) {
    return events.stream().map(what).collect(groupingBy(identity(), counting()));
  }
}
