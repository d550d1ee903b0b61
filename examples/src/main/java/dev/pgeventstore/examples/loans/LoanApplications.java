package dev.pgeventstore.examples.loans;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.examples.logs.ImportException;
import java.io.PrintStream;

/**
 * Imports a log of loan applications, here that of a Dutch bank
 * (doi:10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f), into an event store. Each application
 * becomes a stream. While the events are appended, a subscription keeps tables of figures, and a
 * relay publishes the events to Kafka. If it is run again on the same servers, it appends nothing
 * and changes nothing.
 */
public final class LoanApplications {

  private LoanApplications() {}

  /**
   * Runs the example.
   *
   * @param arguments options, and then the file
   * @throws Exception if something happens that is not foreseen
   */
  public static void main(String[] arguments) throws Exception {
    System.exit(run(System.out, System.err, arguments));
  }

  static int run(PrintStream out, PrintStream err, String... arguments) throws Exception {
    LoanOptions options;
    try {
      options = LoanOptions.parse(arguments);
    } catch (IllegalArgumentException e) {
      err.println(e.getMessage());
      err.println(LoanOptions.USAGE);
      return 2;
    }
    try {
      run(out, options);
      return 0;
    } catch (ImportException | EventStoreException | IllegalStateException e) {
      err.println(e.getMessage());
      return 1;
    }
  }

  private static void run(PrintStream out, LoanOptions options) throws Exception {
    try (LoanServers servers = new LoanServers(options)) {
      new LoanRun(servers.pgUrl(), servers.topic(), out::println).run(options.file());
    }
  }
}
