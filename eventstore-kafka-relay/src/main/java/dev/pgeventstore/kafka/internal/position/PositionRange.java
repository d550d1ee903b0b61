package dev.pgeventstore.kafka.internal.position;

import dev.pgeventstore.Position;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Positions that follow one another.
 *
 * @param from inclusive
 * @param to inclusive
 */
public record PositionRange(Position from, Position to) {

  /** Reads {@code from..to} of one or more, with commas between. */
  public static List<PositionRange> parse(String text) {
    List<PositionRange> ranges = new ArrayList<>();
    for (String range : text.split(",", -1)) {
      int dots = range.indexOf("..");
      ranges.add(
          new PositionRange(
              Position.of(Long.parseLong(range.substring(0, dots))),
              Position.of(Long.parseLong(range.substring(dots + 2)))));
    }
    return ranges;
  }

  public static String format(List<PositionRange> ranges) {
    return ranges.stream().map(PositionRange::toString).collect(Collectors.joining(","));
  }

  public boolean contains(Position position) {
    return !from.isAfter(position) && !position.isAfter(to);
  }

  /** What of it is at or below a position. */
  public Optional<PositionRange> upTo(Position last) {
    return from.isAfter(last)
        ? Optional.empty()
        : Optional.of(new PositionRange(from, to.isAfter(last) ? last : to));
  }

  @Override
  public String toString() {
    return from + ".." + to;
  }
}
