package dev.pgeventstore.spring.internal;

import dev.pgeventstore.EventStoreException;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Says why the store could not be built, or something that runs on it could not be started. */
final class StoreFailureAnalyzer extends AbstractFailureAnalyzer<EventStoreException> {

  @Override
  protected FailureAnalysis analyze(Throwable root, EventStoreException cause) {
    return new FailureAnalysis(
        "The event store cannot start: " + cause.getMessage(),
        cause.isTransient()
            ? "Start the database, or correct its address, user and password (spring.datasource.*)."
                + " The application can be started again as it is."
            : "Correct what the message says. docs/operating.md lists what a store says about its"
                + " schema, and what to do.",
        cause);
  }
}
