package dev.pgeventstore.testkit.servers;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/**
 * A real Kafka broker on 127.0.0.1, with topics that must be created before they are used. Which
 * one is told by system properties:
 *
 * <ul>
 *   <li>{@code kafka.bootstrap}: one that already runs, given by its bootstrap servers;
 *   <li>otherwise one in a JVM of its own, on the class path that the file named by {@code
 *       eventstore.kafka.classpath} holds. Without that property, the file {@code
 *       kafka-broker/target/broker.classpath} that this project builds is looked for, from the
 *       working directory upwards. Without that file, the class path of this JVM is used, which has
 *       a broker if {@code org.apache.kafka:kafka_2.13} is a dependency.
 * </ul>
 *
 * <p>A broker that is started here can be reached in three ways: at {@link #bootstrap()}, where
 * nobody logs in and everybody may do everything; {@linkplain #proxiedBootstrap() the same through
 * a proxy}; and {@linkplain #settingsOf where users log in}, who may do what access control lists
 * allow them.
 *
 * <p>Safe for many threads, except for killing, pausing and restarting.
 */
public abstract class KafkaBroker implements AutoCloseable {

  /** For the kinds of brokers. */
  KafkaBroker() {}

  /**
   * Starts a broker, or names the one that runs.
   *
   * @return the broker, ready for clients
   * @throws IllegalStateException if it does not start; the message has the last lines of its log
   */
  public static KafkaBroker start() {
    return start(ChildKafkaBroker.SESSION_OF_ONE_THAT_IS_RESTARTED);
  }

  /** Starts a broker that many use and nobody restarts. */
  static KafkaBroker startShared() {
    return start(ChildKafkaBroker.SESSION_OF_A_SHARED_ONE);
  }

  private static KafkaBroker start(Duration session) {
    String bootstrap = System.getProperty("kafka.bootstrap", "");
    return bootstrap.isBlank() ? new ChildKafkaBroker(session, false) : new RunningKafka(bootstrap);
  }

  /**
   * Starts a broker in a JVM of its own that creates a topic, with one partition, when a client
   * asks for one that does not exist and allows that, as brokers do unless told otherwise.
   *
   * @return the broker, ready for clients
   * @throws IllegalStateException if it does not start; the message has the last lines of its log
   */
  public static KafkaBroker startCreatingTopics() {
    return new ChildKafkaBroker(ChildKafkaBroker.SESSION_OF_ONE_THAT_IS_RESTARTED, true);
  }

  /**
   * Starts a broker in a JVM of its own that keeps its log on a disk of the caller's.
   *
   * @param log an existing folder
   * @return the broker, ready for clients
   * @throws IllegalStateException if it does not start; the message has the last lines of its log
   */
  public static KafkaBroker startOn(Path log) {
    return new ChildKafkaBroker(ChildKafkaBroker.SESSION_OF_ONE_THAT_IS_RESTARTED, false, log);
  }

  /**
   * Starts a cluster, each node in a JVM of its own.
   *
   * @param nodes how many
   * @return the cluster, ready for clients
   * @throws IllegalStateException if it does not start; the message has the last lines of a node's
   *     log
   */
  public static KafkaCluster startCluster(int nodes) {
    return new KafkaCluster(nodes);
  }

  /**
   * Where clients find it.
   *
   * @return the value for {@code bootstrap.servers}
   */
  public abstract String bootstrap();

  /**
   * The proxy in front of the broker, for clients of {@link #proxiedBootstrap()}. There is one, and
   * it is the caller's to restore.
   *
   * @return opened by the first call, closed with the broker
   * @throws UnsupportedOperationException if the broker was running before
   */
  public abstract TcpProxy proxy();

  /**
   * Where clients find the broker behind its {@link #proxy()}, whatever they are told by it later.
   *
   * @return the value for {@code bootstrap.servers}
   * @throws UnsupportedOperationException if the broker was running before
   */
  public abstract String proxiedBootstrap();

  /**
   * What a client sets to log in: SCRAM-SHA-512 over TLS. The broker knows no user until one is
   * made, by {@code Admin.alterUserScramCredentials} at {@link #bootstrap()}, and allows nobody
   * anything until an access control list does.
   *
   * @param user who logs in
   * @param password of the user, right or wrong
   * @return the settings of any Kafka client, {@code bootstrap.servers} among them
   * @throws UnsupportedOperationException if the broker was running before
   */
  public abstract Map<String, String> settingsOf(String user, String password);

  /**
   * Whether {@link #killHard}, {@link #pause}, {@link #resume} and {@link #restart} can be called:
   * not for a broker that was running before.
   *
   * @return true for brokers that were started here
   */
  public abstract boolean canBeKilled();

  /**
   * Kills the broker with SIGKILL, and waits until it is gone. Its log stays.
   *
   * @throws UnsupportedOperationException if it was running before
   */
  public abstract void killHard();

  /**
   * Stops the broker's process in its tracks with SIGSTOP: its connections stay open and nothing
   * answers.
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
   * Starts the broker again, on the same log and the same ports; one that still runs is killed
   * first.
   *
   * @throws UnsupportedOperationException if it was running before
   * @throws IllegalStateException if it does not start; the message has the last lines of its log
   */
  public abstract void restart();

  /** Ends the broker and deletes its log. One that was running before goes on. */
  @Override
  public abstract void close();
}
