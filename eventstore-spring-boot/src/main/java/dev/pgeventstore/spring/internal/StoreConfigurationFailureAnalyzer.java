package dev.pgeventstore.spring.internal;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Says what to configure. */
final class StoreConfigurationFailureAnalyzer
    extends AbstractFailureAnalyzer<StoreConfigurationException> {

  @Override
  protected FailureAnalysis analyze(Throwable root, StoreConfigurationException cause) {
    return new FailureAnalysis(String.valueOf(cause.getMessage()), cause.action(), cause);
  }
}
