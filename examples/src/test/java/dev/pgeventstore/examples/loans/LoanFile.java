package dev.pgeventstore.examples.loans;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * The real event log (doi:10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f), if the file exists.
 */
final class LoanFile {

  private static final String PROPERTY = "eventstore.loans.file";
  private static final String VARIABLE = "EVENTSTORE_LOANS";
  private static final String BESIDE_THE_PROJECT = "shared/data/bpic2012.xes.gz";

  private LoanFile() {}

  /** A file that is named must exist; the default file beside the project may be missing. */
  static Path orSkip() {
    String named = System.getProperty(PROPERTY, System.getenv(VARIABLE));
    if (named != null) {
      return Path.of(named);
    }
    // Tests run in the folder of their module or of the project.
    Path here = Path.of("").toAbsolutePath();
    return Stream.of(here.getParent(), here)
        .map(project -> project.resolveSibling(BESIDE_THE_PROJECT))
        .filter(Files::exists)
        .findFirst()
        .orElseGet(
            () ->
                Assumptions.abort(
                    "the loan application log is not there: name it with -D%s=… or %s"
                        .formatted(PROPERTY, VARIABLE)));
  }
}
