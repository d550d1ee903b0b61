package dev.pgeventstore.aggregate;

import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;

/**
 * The state of a stream at one version. It may get more methods.
 *
 * @param <S> the state
 */
public interface Aggregate<S> {

  /**
   * The stream whose events were folded.
   *
   * @return its id
   */
  StreamId stream();

  /**
   * The version of the last event.
   *
   * @return 0 if there are none
   */
  long version();

  /**
   * What the events add up to.
   *
   * @return the state
   */
  S state();

  /**
   * Whether there is any event.
   *
   * @return false if the state is the initial one because nothing has happened yet
   */
  default boolean exists() {
    return version() > 0;
  }

  /**
   * What an append that is decided on this state expects, for appending without {@link
   * Aggregates#execute}.
   *
   * @return exactly this version
   */
  default ExpectedVersion expected() {
    return ExpectedVersion.exactly(version());
  }
}
