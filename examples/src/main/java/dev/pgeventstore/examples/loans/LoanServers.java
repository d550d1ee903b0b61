package dev.pgeventstore.examples.loans;

import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.PostgresServer;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** The servers that a run uses: those of the options, or its own. */
final class LoanServers implements AutoCloseable {

  private final LoanOptions options;
  private final Deque<AutoCloseable> own = new ArrayDeque<>();

  LoanServers(LoanOptions options) {
    this.options = options;
  }

  String pgUrl() {
    return options.pgUrl().orElseGet(() -> own(PostgresServer.start()).createDatabase().url());
  }

  @Nullable LoanTopic topic() {
    if (!options.withKafka()) {
      return null;
    }
    String bootstrap =
        options.kafkaBootstrap().orElseGet(() -> own(KafkaBroker.start()).bootstrap());
    return new LoanTopic(bootstrap, options.topic());
  }

  private <S extends AutoCloseable> S own(S server) {
    own.push(server);
    return server;
  }

  /** Stops the run's own servers and deletes their data. */
  @Override
  public void close() throws Exception {
    while (!own.isEmpty()) {
      own.pop().close();
    }
  }
}
