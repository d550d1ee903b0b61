package dev.pgeventstore.examples.quickstart;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.util.Map;
import java.util.TreeMap;

/**
 * A small bank, shown step by step: accounts, a transfer, a conflict, a table of balances and a
 * Kafka topic.
 *
 * <p>It starts its own PostgreSQL server and Kafka broker, and removes both when it ends. With
 * {@code --pg-url=<JDBC address>} and {@code --kafka-bootstrap=<host:port>} it uses servers that
 * already run; what it writes there stays.
 */
public final class Quickstart {

  private static final String USAGE =
      "usage: Quickstart [--pg-url=<JDBC address of a database>] [--kafka-bootstrap=<host:port>]";

  private static final int CONNECTIONS = 10;

  private Quickstart() {}

  /**
   * Runs the example.
   *
   * @param arguments options
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = new TreeMap<>();
    for (String argument : arguments) {
      String[] option = argument.split("=", 2);
      if (option.length < 2 || !option[0].matches("--pg-url|--kafka-bootstrap")) {
        System.err.println(USAGE);
        System.exit(2);
      }
      options.put(option[0], option[1]);
    }
    if (options.size() < 2) {
      System.out.println("Starting servers for this run; this takes a few seconds.");
    }
    String url = options.get("--pg-url");
    if (url != null) {
      withKafka(url, options, "accounts");
      return;
    }
    try (PostgresServer server = PostgresServer.start()) {
      // The database is new each time, so its events go to a new topic.
      String topic = "accounts-" + Long.toString(System.currentTimeMillis(), 36);
      withKafka(server.createDatabase().url(), options, topic);
    }
  }

  private static void withKafka(String url, Map<String, String> options, String topic)
      throws Exception {
    String bootstrap = options.get("--kafka-bootstrap");
    if (bootstrap != null) {
      run(url, bootstrap, topic);
      return;
    }
    try (KafkaBroker broker = KafkaBroker.start()) {
      run(url, broker.bootstrap(), topic);
    }
  }

  private static void run(String url, String bootstrap, String topic) throws Exception {
    try (HikariDataSource database = pool(url)) {
      new Tour(database, bootstrap, topic, System.out::println).run();
    }
  }

  static HikariDataSource pool(String url) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(url);
    config.setMaximumPoolSize(CONNECTIONS);
    return new HikariDataSource(config);
  }
}
