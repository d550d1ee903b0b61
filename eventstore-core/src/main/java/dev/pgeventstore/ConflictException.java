package dev.pgeventstore;

import java.util.List;
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
   * @param last of the last try: its conflicts, and the cause
   * @param tries how many there were
   */
  public ConflictException(ConflictException last, int tries) {
    super("%s, in %d tries".formatted(last.getMessage(), tries), last);
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
   * The stream of the first conflict.
   *
   * @return its id
   */
  public StreamId stream() {
    return first().stream();
  }

  /**
   * What the append expected of the first conflict's stream.
   *
   * @return the expectation
   */
  public ExpectedVersion expected() {
    return first().expected();
  }

  /**
   * The version that the first conflict's stream was at.
   *
   * @return the version, 0 for an unknown stream
   */
  public long actual() {
    return first().actual();
  }

  private Conflict.StreamVersion first() {
    return (Conflict.StreamVersion) conflicts.get(0);
  }
}
