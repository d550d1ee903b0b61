package dev.pgeventstore.kafka.internal.consumer;

import dev.pgeventstore.subscription.FailurePolicy;
import java.time.Duration;

/**
 * Decides how the records of a partition are tried, by what came of the tries before. It has no
 * thread, clock, database or broker. For one thread at a time.
 *
 * <pre>
 *            the record failed, alone or with others
 * TOGETHER ------------------------------------------> ALONE --------+ failed again, after a pause
 *    ^                                                  |  ^----------+
 *    |  all that failed together are handled            |
 *    +--------------------------------------------------+ failed too often
 *    |                                                  |
 *    |  set aside                                       v
 *    +-------------------- SET_ASIDE <--- dead letters? ---> STOPPED
 * </pre>
 *
 * <p>A gap, a record that cannot be read and a virtual machine that cannot go on lead to STOPPED.
 * Whatever is not the record's fault leads nowhere: the same is tried again after a pause.
 */
public final class PartitionCourse {

  private static final Duration LONGEST_WAIT_FOR_MARK = Duration.ofSeconds(1);

  private final int retries;
  private final FailurePolicy pauses;
  private final boolean setsAside;
  private Mode mode = Mode.TOGETHER;
  private int alone;
  private int attempts;
  private int inARow;
  private boolean letterSent;

  /**
   * @param retries how often a record that failed alone is tried again
   * @param pauses between tries
   * @param setsAside whether there are dead letters
   */
  public PartitionCourse(int retries, FailurePolicy pauses, boolean setsAside) {
    this.retries = retries;
    this.pauses = pauses;
    this.setsAside = setsAside;
  }

  Mode mode() {
    return mode;
  }

  /** How often the first record has failed, alone. */
  public int attempts() {
    return attempts;
  }

  /** How many records to try, of those that wait. */
  public int next(int waiting) {
    return mode == Mode.TOGETHER ? waiting : Math.min(1, waiting);
  }

  /** The first record is in the dead letter topic. Its mark may not be moved yet. */
  void letterSent() {
    letterSent = true;
  }

  boolean isLetterSent() {
    return letterSent;
  }

  /** So many records were handled, or set aside. */
  public void done(int records) {
    letterSent = false;
    attempts = 0;
    inARow = 0;
    alone = Math.max(0, alone - records);
    mode = alone > 0 ? Mode.ALONE : Mode.TOGETHER;
  }

  /**
   * So many records were tried, and nothing of them was done.
   *
   * @return the pause before the next try, if there is one
   */
  Duration failed(Blame blame, int records) {
    return switch (blame) {
      case ENVIRONMENT -> pauses.backOff(++inARow);
      case MARK_HELD -> shorter(pauses.backOff(++inARow), LONGEST_WAIT_FOR_MARK);
      case MACHINE -> stop();
      case HOPELESS -> records > 1 ? oneByOne(records) : stop();
      case RECORD -> records > 1 ? oneByOne(records) : failedAlone();
    };
  }

  /** So that those before the culprit are handled, and it is known which one that is. */
  private Duration oneByOne(int records) {
    mode = Mode.ALONE;
    alone = records;
    return Duration.ZERO;
  }

  private Duration failedAlone() {
    attempts++;
    inARow = 0;
    alone = Math.max(1, alone);
    mode = Mode.ALONE;
    if (attempts <= retries) {
      return pauses.backOff(attempts);
    }
    if (!setsAside) {
      return stop();
    }
    mode = Mode.SET_ASIDE;
    return Duration.ZERO;
  }

  private Duration stop() {
    mode = Mode.STOPPED;
    return Duration.ZERO;
  }

  /** An operator lets a partition that has stopped go on. */
  public void resume() {
    if (mode == Mode.STOPPED) {
      attempts = 0;
      inARow = 0;
      // What was set aside is not handled as well.
      mode = letterSent ? Mode.SET_ASIDE : alone > 0 ? Mode.ALONE : Mode.TOGETHER;
    }
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }

  /** How the next records are tried. */
  enum Mode {
    /** All that wait, in one transaction. */
    TOGETHER,
    /** The first by itself. */
    ALONE,
    /** The first is sent to the dead letter topic, and its mark is moved. */
    SET_ASIDE,
    /** None. */
    STOPPED
  }
}
