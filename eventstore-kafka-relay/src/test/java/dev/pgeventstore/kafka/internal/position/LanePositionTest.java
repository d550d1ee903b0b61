package dev.pgeventstore.kafka.internal.position;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.pgeventstore.InvariantBrokenException;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.kafka.internal.position.LanePosition.Anchor;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class LanePositionTest {

  private static final LanePosition START =
      new LanePosition(Position.START, Optional.empty(), "7/eventstore", 12);

  @Test
  void it_is_read_as_it_was_written() {
    LanePosition later =
        START.at(
            Position.of(44),
            Optional.of(
                new Anchor(
                    Position.of(42),
                    UUID.randomUUID(),
                    StreamId.of("order", "a=b-ö\\n\nposition=7\r"),
                    7)));

    assertThat(LanePosition.parse(START.format())).isEqualTo(START);
    assertThat(LanePosition.parse(later.format())).isEqualTo(later);
  }

  @Test
  void a_lane_notes_no_position_before_the_one_it_has_noted() {
    LanePosition noted = START.at(Position.of(44), Optional.empty());

    assertThat(noted.at(Position.of(44), Optional.empty())).isEqualTo(noted);
    assertThatThrownBy(() -> noted.at(Position.of(43), Optional.empty()))
        .isInstanceOf(InvariantBrokenException.class)
        .hasMessageContaining("up to position 44 was about to note position 43");
  }

  @Test
  void a_position_of_an_unknown_format_is_not_guessed_at() {
    assertThatThrownBy(() -> LanePosition.parse(START.format().replace("format=1", "format=2")))
        .hasMessageContaining("format 2");
    assertThatThrownBy(() -> LanePosition.parse("something else"))
        .hasMessageContaining("format null");
  }
}
