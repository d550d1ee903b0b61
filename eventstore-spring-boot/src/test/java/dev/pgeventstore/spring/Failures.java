package dev.pgeventstore.spring;

import java.util.Objects;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.diagnostics.FailureAnalyzer;
import org.springframework.core.io.support.SpringFactoriesLoader;

/** What Spring Boot prints when an application does not start. */
final class Failures {

  private Failures() {}

  static FailureAnalysis analysis(Throwable failure) {
    return SpringFactoriesLoader.forDefaultResourceLocation()
        .load(
            FailureAnalyzer.class,
            SpringFactoriesLoader.FailureHandler.handleMessage((message, e) -> {}))
        .stream()
        .filter(analyzer -> analyzer.getClass().getName().startsWith("dev.pgeventstore"))
        .map(analyzer -> analyzer.analyze(failure))
        .filter(Objects::nonNull)
        .findFirst()
        .orElseThrow(() -> new AssertionError("nothing is said about it", failure));
  }

  static String action(Throwable failure) {
    return analysis(failure).getAction();
  }
}
