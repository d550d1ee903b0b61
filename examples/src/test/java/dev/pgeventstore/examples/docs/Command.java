package dev.pgeventstore.examples.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** A program that is run to its end. */
final class Command {

  private static final long MINUTES = 15;

  private final ProcessBuilder builder;

  private Command(ProcessBuilder builder) {
    this.builder = builder;
  }

  static Command in(Path folder, String... command) {
    return new Command(new ProcessBuilder(command).directory(folder.toFile()));
  }

  /** The Maven of this project, in any folder. */
  static Command maven(Path folder, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(Project.folder().resolve("mvnw").toString());
    command.add("-B");
    command.add("-ntp");
    command.addAll(arguments);
    return new Command(new ProcessBuilder(command).directory(folder.toFile()));
  }

  static boolean isOnPath(String program) {
    return Stream.of(System.getenv("PATH").split(File.pathSeparator))
        .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
  }

  Command with(Map<String, String> environment) {
    builder.environment().putAll(environment);
    return this;
  }

  /** Returns what it prints. */
  String runs() throws Exception {
    return run(true);
  }

  /** Returns what it prints before it fails. */
  String fails() throws Exception {
    return run(false);
  }

  private String run(boolean succeeds) throws IOException, InterruptedException {
    Path output = Files.createTempFile("command", ".txt");
    try {
      Process process = builder.redirectErrorStream(true).redirectOutput(output.toFile()).start();
      boolean ended = process.waitFor(MINUTES, TimeUnit.MINUTES);
      if (!ended) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
      }
      String said = Files.readString(output);
      assertThat(ended && (process.exitValue() == 0) == succeeds)
          .as("%s%n%s", builder.command(), said)
          .isTrue();
      return said;
    } finally {
      Files.delete(output);
    }
  }
}
