package dev.pgeventstore.postgres;

import dev.pgeventstore.testkit.servers.Database;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A named import in a process of its own, to be killed. */
final class ImportProcess implements AutoCloseable {

  static final String NAME = "killed";

  private final Process process;

  private ImportProcess(Process process) {
    this.process = process;
  }

  static ImportProcess start(Database database, int items) throws IOException {
    return new ImportProcess(
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                ImportProcess.class.getName(),
                database.url(),
                Integer.toString(items))
            .inheritIO()
            .start());
  }

  /** Database URL, number of items. */
  public static void main(String[] arguments) throws Exception {
    try (TestStore store = new TestStore(new Database(arguments[0]))) {
      store
          .store
          .importer()
          .named(NAME)
          .batch(500)
          .run(ImporterTest.items(Integer.parseInt(arguments[1])));
    }
  }

  boolean isRunning() {
    return process.isAlive();
  }

  void killHard() throws InterruptedException {
    if (!process.destroyForcibly().waitFor(60, TimeUnit.SECONDS)) {
      throw new IllegalStateException("an import did not end");
    }
  }

  @Override
  public void close() throws InterruptedException {
    killHard();
  }
}
