package dev.pgeventstore.benchmarks;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** A process that appends to the same database. */
final class OtherProcess implements AutoCloseable {

  private final Process process;
  private final BufferedReader answers;
  private final PrintWriter orders;

  private OtherProcess(Process process) {
    this.process = process;
    this.answers = process.inputReader(StandardCharsets.UTF_8);
    this.orders = new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true);
  }

  /** Starts the process, and waits until it has a store. */
  static OtherProcess start(String url) throws IOException {
    OtherProcess other =
        new OtherProcess(
            new ProcessBuilder(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-Xmx128m",
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                    "-classpath",
                    System.getProperty("java.class.path"),
                    AppendingProcess.class.getName(),
                    url)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start());
    String ready = other.answer();
    if (!ready.equals(AppendingProcess.READY)) {
      other.process.destroyForcibly();
      throw new IOException("the process that appends said " + ready);
    }
    return other;
  }

  private String answer() throws IOException {
    String line = answers.readLine();
    if (line == null) {
      throw new IOException("the process that appends has ended");
    }
    return line;
  }

  /** Appends numbered events there, and returns the times at which the appends returned. */
  long[] append(String key, int count) throws IOException {
    orders.println(key + ' ' + count);
    return Arrays.stream(answer().split(" ")).mapToLong(Long::parseLong).toArray();
  }

  @Override
  public void close() throws Exception {
    orders.close();
    if (!process.waitFor(10, TimeUnit.SECONDS)) {
      process.destroyForcibly();
    }
  }
}
