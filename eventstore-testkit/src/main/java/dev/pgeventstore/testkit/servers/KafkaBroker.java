package dev.pgeventstore.testkit.servers;

import java.util.Map;

/**
 * A real Kafka broker on 127.0.0.1. Which one is told by system properties:
 *
 * <ul>
 *   <li>{@code kafka.bootstrap}: one that already runs, given as {@code host:port};
 *   <li>otherwise a JVM of its own, with the class path that stands in the file named by {@code
 *       eventstore.kafka.classpath}; without that property in {@code
 *       kafka-broker/target/broker.classpath} of this folder or one above.
 * </ul>
 *
 * <p>Topics are never created by accident: create those you need. Safe for many threads, except for
 * killing, pausing and restarting.
 */
public abstract class KafkaBroker implements AutoCloseable {

  /** For the kinds of brokers. */
  KafkaBroker() {}

  /**
   * Starts a broker and waits until it serves, or takes the one that runs.
   *
   * @return the broker
   */
  public static KafkaBroker start() {
    return start(Map.of());
  }

  /**
   * Starts a broker with settings of its own, and waits until it serves.
   *
   * @param settings by the names of server.properties; a broker that already runs ignores them
   * @return the broker
   */
  public static KafkaBroker start(Map<String, String> settings) {
    String bootstrap = System.getProperty("kafka.bootstrap", "");
    return bootstrap.isBlank() ? new ChildBroker(settings) : new RunningBroker(bootstrap);
  }

  /**
   * What clients connect to.
   *
   * @return host and port, the same after a restart
   */
  public abstract String bootstrap();

  /**
   * Whether {@link #killHard}, {@link #pause}, {@link #resume} and {@link #restart} can be called:
   * not for a broker that was running before.
   *
   * @return true for brokers that were started here
   */
  public abstract boolean canBeKilled();

  /**
   * Kills the broker with SIGKILL and waits until it is gone.
   *
   * @throws UnsupportedOperationException if it was running before
   */
  public abstract void killHard();

  /**
   * Stops the broker where it stands, with SIGSTOP: connections stay open and nobody answers.
   *
   * @throws UnsupportedOperationException if it was running before
   */
  public abstract void pause();

  /**
   * Lets a paused broker go on, with SIGCONT.
   *
   * @throws UnsupportedOperationException if it was running before
   */
  public abstract void resume();

  /**
   * Starts the broker again on the same data and the same port, after ending it if it still runs,
   * and waits until it serves.
   *
   * @throws UnsupportedOperationException if it was running before
   */
  public abstract void restart();

  /** Stops the broker and deletes its data. One that was running before goes on. */
  @Override
  public abstract void close();
}
