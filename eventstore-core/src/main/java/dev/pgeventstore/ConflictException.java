package dev.pgeventstore;

import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Another writer was faster: at least one condition of an append was not met, and nothing was
 * written. Read again, decide again, retry.
 */
public class ConflictException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  private final transient List<Conflict> conflicts;

  /**
   * For the conditions that were not met.
   *
   * @param conflicts at least one
   */
  public ConflictException(List<Conflict> conflicts) {
    super(
        conflicts.stream().map(Conflict::toString).collect(Collectors.joining("; "))
            + "; nothing was written");
    this.conflicts = List.copyOf(conflicts);
  }

  /**
   * For a caller that has decided and appended several times, each time with a conflict.
   *
   * @param last of the last attempt: its conflicts, and the cause
   * @param tries how many there were
   */
  public ConflictException(ConflictException last, int tries) {
    super("%s, in %d attempts".formatted(last.getMessage(), tries), last);
    this.conflicts = last.conflicts;
  }

  /**
   * Every condition that was not met.
   *
   * @return at least one
   */
  public List<Conflict> conflicts() {
    return conflicts;
  }

  /**
   * The streams that were at other versions than expected.
   *
   * @return those among the {@link #conflicts()}; empty if there are only conflicts of other kinds
   */
  public List<Conflict.StreamVersion> streams() {
    return conflicts.stream()
        .filter(Conflict.StreamVersion.class::isInstance)
        .map(Conflict.StreamVersion.class::cast)
        .toList();
  }

  /**
   * What was in conflict about one stream.
   *
   * @param stream any
   * @return empty if that stream was at the expected version, or nothing was expected of it
   */
  public Optional<Conflict.StreamVersion> of(StreamId stream) {
    return streams().stream().filter(conflict -> conflict.stream().equals(stream)).findFirst();
  }
}
