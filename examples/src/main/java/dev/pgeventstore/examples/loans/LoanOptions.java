package dev.pgeventstore.examples.loans;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The options of the command line.
 *
 * @param file the event log
 * @param pgUrl JDBC URL of a database to use; if empty, the example starts its own server
 * @param kafkaBootstrap addresses of brokers to use; if empty, the example starts its own broker
 * @param topic the topic to publish to
 * @param withKafka whether the events are published to Kafka
 */
record LoanOptions(
    Path file,
    Optional<String> pgUrl,
    Optional<String> kafkaBootstrap,
    String topic,
    boolean withKafka) {

  static final String USAGE =
      """
      usage: LoanApplications [options] <log.xes or log.xes.gz>
        --pg-url <url>                 a database that runs already, such as
                                       jdbc:postgresql://host/database?user=me&password=secret
        --kafka-bootstrap <host:port>  a Kafka cluster that runs already
        --topic <name>                 where to publish there, loan-applications if not given
        --no-kafka                     do not publish
      Without --pg-url and --kafka-bootstrap both are started for the run, and gone after it.""";

  static LoanOptions parse(String... arguments) {
    Deque<String> rest = new ArrayDeque<>(List.of(arguments));
    String file = null;
    String pgUrl = null;
    String kafkaBootstrap = null;
    String topic = "loan-applications";
    boolean withKafka = true;
    while (!rest.isEmpty()) {
      String argument = rest.remove();
      switch (argument) {
        case "--pg-url" -> pgUrl = value(argument, rest);
        case "--kafka-bootstrap" -> kafkaBootstrap = value(argument, rest);
        case "--topic" -> topic = value(argument, rest);
        case "--no-kafka" -> withKafka = false;
        default -> file = file(argument, file);
      }
    }
    if (file == null) {
      throw new IllegalArgumentException("the file is missing");
    }
    return new LoanOptions(
        Path.of(file),
        Optional.ofNullable(pgUrl),
        Optional.ofNullable(kafkaBootstrap),
        topic,
        withKafka);
  }

  private static String value(String option, Deque<String> rest) {
    if (rest.isEmpty()) {
      throw new IllegalArgumentException(option + " has no value");
    }
    return rest.remove();
  }

  private static String file(String argument, @Nullable String before) {
    if (argument.startsWith("--")) {
      throw new IllegalArgumentException("there is no option " + argument);
    }
    if (before != null) {
      throw new IllegalArgumentException("there are two files, " + before + " and " + argument);
    }
    return argument;
  }
}
