package dev.pgeventstore.aggregate;

import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;

/**
 * The state of a stream at one version.
 *
 * @param stream whose events were folded
 * @param version of the last of them, 0 if there are none
 * @param state what they add up to
 * @param <S> the state
 */
public record Aggregate<S>(StreamId stream, long version, S state) {

  /**
   * Whether there is any event.
   *
   * @return false if the state is the initial one because nothing has happened yet
   */
  public boolean exists() {
    return version > 0;
  }

  /**
   * What an append that is decided on this state expects, for whoever appends without {@link
   * Aggregates#execute}.
   *
   * @return exactly this version
   */
  public ExpectedVersion expected() {
    return ExpectedVersion.exactly(version);
  }
}
