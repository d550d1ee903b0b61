import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Prints the ten classes of tests that took longest: {@code SlowestTests.java <folder> <since>}. */
class SlowestTests {

  private static final Pattern SUITE =
      Pattern.compile("<testsuite [^>]*?name=\"([^\"]*)\"[^>]*?time=\"([\\d.,]*)\"", Pattern.DOTALL);

  record Taken(double seconds, String name) {}

  public static void main(String[] arguments) throws IOException {
    List<Taken> slowest = slowest(Path.of(arguments[0]), Instant.parse(arguments[1]));
    if (!slowest.isEmpty()) {
      System.out.println("The slowest classes of tests, several of which ran at once, in seconds:");
      slowest.forEach(each -> System.out.printf("%7.1f %s%n", each.seconds(), each.name()));
    }
  }

  private static List<Taken> slowest(Path folder, Instant since) throws IOException {
    try (Stream<Path> modules = Files.list(folder)) {
      return modules
          .map(module -> module.resolve("target/surefire-reports"))
          .filter(Files::isDirectory)
          .flatMap(SlowestTests::reports)
          .filter(report -> report.toFile().lastModified() >= since.toEpochMilli())
          .map(SlowestTests::taken)
          .sorted(Comparator.comparingDouble(Taken::seconds).reversed())
          .limit(10)
          .toList();
    }
  }

  private static Stream<Path> reports(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.getFileName().toString().matches("TEST-.*\\.xml"))
          .toList()
          .stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Taken taken(Path report) {
    try {
      Matcher suite = SUITE.matcher(Files.readString(report));
      if (!suite.find()) {
        throw new IllegalStateException(report + " is no report of Surefire");
      }
      return new Taken(Double.parseDouble(suite.group(2).replace(",", "")), suite.group(1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
