package dev.pgeventstore.testkit.servers;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/**
 * A real Kafka broker on 127.0.0.1. Topics must be created before they are used. System properties
 * choose the broker:
 *
 * <ul>
 *   <li>{@code kafka.bootstrap}: a broker that already runs, given by its bootstrap servers;
 *   <li>otherwise, a broker in a JVM of its own. Its class path is read from the file that {@code
 *       eventstore.kafka.classpath} names. Without that property, the file {@code
 *       kafka-broker/target/broker.classpath}, which this project builds, is looked for from the
 *       working directory upwards. Without that file, the class path of this JVM is used, which has
 *       a broker if {@code org.apache.kafka:kafka_2.13} is a dependency.
 * </ul>
 *
 * <p>A broker that is started by this class can be reached in three ways: at {@link #bootstrap()},
 * without a login and with all rights; {@linkplain #proxiedBootstrap() through a proxy}, likewise;
 * and {@linkplain #settingsOf with a login}, with the rights that access control lists grant to the
 * user.
 *
 * <p>Safe for many threads, except for killing, pausing and restarting.
 */
public abstract class KafkaBroker implements AutoCloseable {

  /** For the implementations in this package. */
  KafkaBroker() {}

  /**
   * Starts a broker, or takes the one that already runs.
   *
   * @return the broker, ready for clients
   * @throws IllegalStateException if it does not start; the message has the last lines of its log
   */
  public static KafkaBroker start() {
    return start(TemporaryFolder.onDisk(), ChildKafkaBroker.SESSION_OF_ONE_THAT_IS_RESTARTED);
  }

  /** Starts a broker for the tests of one class, whose data need not outlive this process. */
  static KafkaBroker startOwn() {
    return start(TemporaryFolder.cheapest(), ChildKafkaBroker.SESSION_OF_ONE_THAT_IS_RESTARTED);
  }

  /** Starts a broker that many tests share and none restarts. */
  static KafkaBroker startShared() {
    return start(TemporaryFolder.cheapest(), ChildKafkaBroker.SESSION_OF_A_SHARED_ONE);
  }

  private static KafkaBroker start(Path parent, Duration session) {
    String bootstrap = System.getProperty("kafka.bootstrap", "");
    return bootstrap.isBlank()
        ? new ChildKafkaBroker(parent, session, false, null)
        : new RunningKafka(bootstrap);
  }

  /**
   * Starts a broker in a JVM of its own that creates missing topics, with one partition, when a
   * client asks for them and allows it. This is the default of Kafka.
   *
   * @return the broker, ready for clients
   * @throws IllegalStateException if it does not start; the message has the last lines of its log
   */
  public static KafkaBroker startCreatingTopics() {
    return new ChildKafkaBroker(
        TemporaryFolder.onDisk(), ChildKafkaBroker.SESSION_OF_ONE_THAT_IS_RESTARTED, true, null);
  }

  /**
   * Starts a broker in a JVM of its own that keeps its log in a given folder.
   *
   * @param log an existing folder
   * @return the broker, ready for clients
   * @throws IllegalStateException if it does not start; the message has the last lines of its log
   */
  public static KafkaBroker startOn(Path log) {
    return new ChildKafkaBroker(
        TemporaryFolder.onDisk(), ChildKafkaBroker.SESSION_OF_ONE_THAT_IS_RESTARTED, false, log);
  }

  /**
   * Starts a cluster, each node in a JVM of its own.
   *
   * @param nodes the number of nodes
   * @return the cluster, ready for clients
   * @throws IllegalStateException if it does not start; the message has the last lines of a node's
   *     log
   */
  public static KafkaCluster startCluster(int nodes) {
    return new KafkaCluster(nodes);
  }

  /**
   * The address of the broker, for clients.
   *
   * @return the value for {@code bootstrap.servers}
   */
  public abstract String bootstrap();

  /**
   * The proxy in front of the broker, for clients of {@link #proxiedBootstrap()}. A broker has one
   * proxy; the caller must restore it after a disturbance.
   *
   * @return the proxy, which is opened by the first call and closed with the broker
   * @throws UnsupportedOperationException if the broker was running before
   */
  public abstract TcpProxy proxy();

  /**
   * The address of the broker behind its {@link #proxy()}, for clients. All their later connections
   * pass through the proxy, too.
   *
   * @return the value for {@code bootstrap.servers}
   * @throws UnsupportedOperationException if the broker was running before
   */
  public abstract String proxiedBootstrap();

  /**
   * The settings of a client that logs in with SCRAM-SHA-512 over TLS. The broker has no users
   * until {@code Admin.alterUserScramCredentials} creates one at {@link #bootstrap()}. A user has
   * no rights until an access control list grants them.
   *
   * @param user the name of the user
   * @param password the user's password, right or wrong
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
   * Resumes a paused broker with SIGCONT.
   *
   * @throws UnsupportedOperationException if it was running before
   */
  public abstract void resume();

  /**
   * Starts the broker again, on the same log and the same ports. A broker that still runs is killed
   * first.
   *
   * @throws UnsupportedOperationException if it was running before
   * @throws IllegalStateException if it does not start; the message has the last lines of its log
   */
  public abstract void restart();

  /** Stops the broker and deletes its log. A broker that was running before keeps running. */
  @Override
  public abstract void close();
}
