package dev.pgeventstore.examples.docs;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** Enforces the table "Who may import whom" of docs/architecture.md. */
@Order(1)
class ArchitectureTest {

  private static final String OURS = "dev.pgeventstore";

  /**
   * The packages of this project that each package may use besides itself; {@code *} is any package
   * below.
   */
  private static final Map<String, List<String>> MAY_USE =
      Map.ofEntries(
          Map.entry("", List.of(".internal")),
          Map.entry(".codec", List.of("", ".internal")),
          Map.entry(".codec.jackson", List.of(".codec", ".internal.codec")),
          Map.entry(".codec.jackson3", List.of(".codec", ".internal.codec")),
          Map.entry(".internal.codec", List.of()),
          Map.entry(".spi", List.of("", ".internal", ".subscription", ".projection")),
          Map.entry(".internal", List.of("")),
          Map.entry(".internal.scheduling", List.of()),
          Map.entry(".subscription", List.of("", ".internal", ".spi")),
          Map.entry(".projection", List.of("", ".internal", ".subscription", ".spi")),
          Map.entry(".aggregate", List.of("", ".codec", ".spi", ".internal")),
          Map.entry(".postgres", core(".internal.scheduling", ".postgres.internal*")),
          Map.entry(
              ".postgres.internal.append",
              core(
                  ".internal",
                  ".postgres.internal.tables",
                  ".internal.scheduling",
                  ".postgres.internal.encoding")),
          Map.entry(".postgres.internal.encoding", List.of("")),
          Map.entry(
              ".postgres.internal.importing",
              core(".internal", ".postgres.internal.tables", ".postgres.internal.encoding")),
          Map.entry(".postgres.internal.load", core(".postgres.internal.tables")),
          Map.entry(".postgres.internal.project", core(".internal", ".postgres.internal.tables")),
          Map.entry(".postgres.internal.schema", core(".postgres.internal.tables")),
          Map.entry(
              ".postgres.internal.fence",
              core(".internal", ".internal.scheduling", ".postgres.internal.tables")),
          Map.entry(
              ".postgres.internal.subscribe",
              core(
                  ".internal",
                  ".postgres.internal.tables",
                  ".postgres.internal.fence",
                  ".internal.scheduling")),
          Map.entry(
              ".postgres.internal.tables",
              List.of("", ".internal", ".projection", ".spi", ".subscription")),
          Map.entry(
              ".kafka",
              core(".internal", ".internal.scheduling", ".kafka.record", ".kafka.internal*")),
          Map.entry(".kafka.record", core()),
          Map.entry(
              ".kafka.consumer",
              core(
                  ".internal",
                  ".internal.scheduling",
                  ".kafka.internal",
                  ".kafka.internal.clients",
                  ".kafka.internal.consumer")),
          Map.entry(".kafka.internal", relay()),
          Map.entry(".kafka.internal.clients", List.of(".internal.scheduling")),
          Map.entry(".kafka.internal.lead", relay()),
          Map.entry(".kafka.internal.position", relay()),
          Map.entry(
              ".kafka.internal.topics",
              relay(".kafka.internal.clients", ".kafka.internal.position")),
          Map.entry(
              ".kafka.internal.record",
              relay(".kafka.internal.position", ".kafka.internal.topics")),
          Map.entry(
              ".kafka.internal.history",
              relay(
                  ".kafka.internal.clients", ".kafka.internal.position", ".kafka.internal.topics")),
          Map.entry(
              ".kafka.internal.writer",
              relay(
                  ".kafka.internal.clients",
                  ".kafka.internal.lead",
                  ".kafka.internal.position",
                  ".kafka.internal.topics",
                  ".kafka.internal.record")),
          Map.entry(
              ".kafka.internal.relay",
              relay(
                  ".kafka.internal.clients",
                  ".kafka.internal.lead",
                  ".kafka.internal.position",
                  ".kafka.internal.topics",
                  ".kafka.internal.record",
                  ".kafka.internal.history",
                  ".kafka.internal.writer")),
          Map.entry(
              ".kafka.internal.verify",
              relay(
                  ".kafka.internal.clients",
                  ".kafka.internal.position",
                  ".kafka.internal.topics",
                  ".kafka.internal.history")),
          Map.entry(
              ".kafka.internal.operate",
              relay(
                  ".kafka.internal.clients",
                  ".kafka.internal.lead",
                  ".kafka.internal.position",
                  ".kafka.internal.topics",
                  ".kafka.internal.record",
                  ".kafka.internal.history",
                  ".kafka.internal.writer",
                  ".kafka.internal.relay",
                  ".kafka.internal.verify")),
          Map.entry(
              ".kafka.internal.consumer",
              core(
                  ".internal",
                  ".internal.scheduling",
                  ".kafka.consumer",
                  ".kafka.internal",
                  ".kafka.internal.clients")),
          Map.entry(".observability", core(".kafka", ".kafka.consumer")),
          Map.entry(".testkit", core(".internal", ".internal.scheduling")),
          Map.entry(".testkit.contracts", core()),
          Map.entry(".testkit.servers", List.of()),
          Map.entry(".testkit.internal.simulation", List.of(".internal.scheduling")),
          Map.entry(
              ".examples*",
              core(
                  ".postgres",
                  ".kafka",
                  ".kafka.record",
                  ".kafka.consumer",
                  ".testkit",
                  ".testkit.servers",
                  ".examples.logs",
                  ".examples.pools",
                  ".examples.processes",
                  ".examples.topics")));

  /** The packages that run in the simulation, or under the explorer of schedules. */
  private static final List<String> SIMULATED =
      List.of(
          ".postgres.internal.append",
          ".postgres.internal.fence",
          ".postgres.internal.subscribe",
          ".kafka",
          ".kafka.consumer",
          ".kafka.internal*");

  /** Packages, with all packages below, whose classes form no cycles. */
  private static final List<String> FREE_OF_CYCLES = List.of(".kafka");

  /** The packages that applications use. */
  private static final List<String> API =
      List.of(
          "",
          ".codec",
          ".subscription",
          ".projection",
          ".aggregate",
          ".postgres",
          ".kafka",
          ".kafka.record",
          ".kafka.consumer",
          ".observability");

  /** Public records, which will never need another component (docs/adr/0028). */
  private static final Set<String> COMPLETE =
      Set.of(
          OURS + ".Position",
          OURS + ".StreamId",
          OURS + ".projection.ProjectionVersion",
          OURS + ".testkit.servers.Database");

  private static final Set<String> CONCURRENCY =
      Set.of("System.nanoTime", "System.currentTimeMillis", "TimeUnit.sleep", "Object.wait");

  private static final Set<String> CONCURRENT =
      Set.of(
          "java.util.concurrent.Executors",
          "java.util.concurrent.Semaphore",
          "java.util.concurrent.CountDownLatch",
          "java.util.concurrent.ThreadPoolExecutor",
          "java.util.concurrent.locks.LockSupport",
          "java.util.concurrent.locks.ReentrantLock",
          "java.util.concurrent.locks.ReentrantReadWriteLock",
          "java.util.Timer");

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages(OURS);

  private static List<String> core(String... more) {
    return Stream.concat(
            Stream.of(
                "",
                ".codec",
                ".codec.jackson",
                ".subscription",
                ".projection",
                ".spi",
                ".aggregate"),
            Stream.of(more))
        .toList();
  }

  /**
   * The packages that every part of the relay may use, and those that this part may use besides.
   */
  private static List<String> relay(String... more) {
    return Stream.concat(
            core(".internal", ".internal.scheduling", ".kafka", ".kafka.record", ".kafka.internal")
                .stream(),
            Stream.of(more))
        .toList();
  }

  @Test
  void packages_import_only_what_the_table_allows() {
    Set<String> breaches = new TreeSet<>();
    for (JavaClass user : CLASSES) {
      for (Dependency dependency : user.getDirectDependenciesFromSelf()) {
        String from = packageOf(user);
        String to = packageOf(dependency.getTargetClass().getBaseComponentType());
        if (to.startsWith(OURS) && !from.equals(to) && !mayUse(from, to)) {
          breaches.add(dependency.getDescription());
        }
      }
    }

    assertThat(breaches).isEmpty();
  }

  @Test
  void every_package_is_in_the_table() {
    assertThat(CLASSES.stream().map(ArchitectureTest::packageOf).distinct())
        .hasSizeGreaterThan(15)
        .allMatch(name -> MAY_USE.keySet().stream().anyMatch(row -> isIn(row, name)));
  }

  /** A nested class belongs to its outer class. */
  @Test
  void classes_form_no_cycles() {
    for (String root : FREE_OF_CYCLES) {
      slices()
          .assignedFrom(
              new SliceAssignment() {
                @Override
                public SliceIdentifier getIdentifierOf(JavaClass type) {
                  return packageOf(type).startsWith(OURS + root)
                      ? SliceIdentifier.of(type.getName().replaceFirst("\\$.*", ""))
                      : SliceIdentifier.ignore();
                }

                @Override
                public String getDescription() {
                  return "the classes below " + OURS + root;
                }
              })
          .should()
          .beFreeOfCycles()
          .check(CLASSES);
    }
  }

  /** The API for applications has no types that only stores and readers need. */
  @Test
  void no_type_of_the_spi_is_in_a_signature_of_the_api() {
    Set<String> breaches = new TreeSet<>();
    for (JavaClass type : CLASSES) {
      if (API.stream().anyMatch(row -> isIn(row, packageOf(type))) && isVisible(type)) {
        type.getCodeUnits().stream()
            .filter(ArchitectureTest::isVisible)
            .filter(
                code ->
                    code.getAllInvolvedRawTypes().stream()
                        .anyMatch(used -> isIn(".spi", packageOf(used.getBaseComponentType()))))
            .forEach(code -> breaches.add(code.getDescription()));
        type.getAllInvolvedRawTypes().stream()
            .filter(used -> isIn(".spi", packageOf(used)))
            .forEach(used -> breaches.add(type.getName() + " is a " + used.getName()));
      }
    }

    assertThat(breaches).isEmpty();
  }

  /** Neither a record nor a sealed type can grow without breaking callers. */
  @Test
  void no_type_of_the_api_is_a_record_that_may_grow_or_is_sealed() {
    Stream<String> rows =
        Stream.concat(
            API.stream().filter(row -> !row.startsWith(".kafka")),
            Stream.of(".spi", ".codec.jackson", ".codec.jackson3", ".testkit", ".testkit.servers"));
    Set<String> packages = rows.map(row -> OURS + row).collect(Collectors.toSet());
    Set<String> records = new TreeSet<>();
    Set<String> sealed = new TreeSet<>();
    for (JavaClass type : CLASSES) {
      if (packages.contains(packageOf(type)) && isVisible(type)) {
        if (type.isRecord()) {
          records.add(type.getName());
        }
        if (type.reflect().isSealed()) {
          sealed.add(type.getName());
        }
      }
    }

    assertThat(records).containsExactlyInAnyOrderElementsOf(COMPLETE);
    assertThat(sealed).isEmpty();
  }

  /**
   * Built objects have copies of the builder's settings, so changing the builder does not change
   * them.
   */
  @Test
  void nothing_that_was_built_refers_to_its_builder() {
    Set<String> breaches = new TreeSet<>();
    for (JavaClass type : CLASSES) {
      type.getFields().stream()
          .filter(field -> isBuilder(field.getRawType()) && !isBuilder(type))
          .forEach(field -> breaches.add(field.getFullName()));
    }

    assertThat(breaches).isEmpty();
  }

  private static boolean isBuilder(JavaClass type) {
    return type.getPackageName().startsWith(OURS)
        && type.getSimpleName().endsWith("Builder")
        && isVisible(type);
  }

  private static boolean isVisible(JavaMember member) {
    return member.getModifiers().contains(JavaModifier.PUBLIC)
        || member.getModifiers().contains(JavaModifier.PROTECTED);
  }

  private static boolean isVisible(JavaClass type) {
    return type.getModifiers().contains(JavaModifier.PUBLIC)
        && type.getEnclosingClass().map(ArchitectureTest::isVisible).orElse(true);
  }

  /**
   * Calls that the simulation could not replay. Methods for interrupt flags and class loaders are
   * allowed.
   */
  @Test
  void the_engine_starts_waits_locks_and_reads_the_time_only_by_its_scheduler() {
    Set<String> breaches = new TreeSet<>();
    for (JavaClass user : CLASSES) {
      if (SIMULATED.stream().anyMatch(row -> isIn(row, packageOf(user)))) {
        user.getCodeUnits().stream()
            .filter(code -> code.getModifiers().contains(JavaModifier.SYNCHRONIZED))
            .forEach(code -> breaches.add(code.getDescription()));
        user.getAccessesFromSelf().stream()
            .filter(ArchitectureTest::isBehindTheScheduler)
            .forEach(use -> breaches.add(use.getDescription()));
      }
    }

    assertThat(breaches).isEmpty();
  }

  private static boolean isBehindTheScheduler(JavaAccess<?> use) {
    JavaClass owner = use.getTargetOwner();
    String name = owner.getSimpleName() + '.' + use.getTarget().getName();
    return CONCURRENCY.contains(name)
        || (owner.isAssignableTo(Thread.class)
            && !Set.of(
                    "currentThread",
                    "interrupt",
                    "interrupted",
                    "isInterrupted",
                    "getContextClassLoader",
                    "setContextClassLoader")
                .contains(use.getTarget().getName()))
        || CONCURRENT.contains(owner.getName())
        || (owner.isAssignableTo(Future.class)
            && Set.of("get", "join").contains(use.getTarget().getName()));
  }

  @Test
  void benchmarks_use_public_packages_only() throws IOException {
    Path sources = Project.folder().resolve("benchmarks/src");
    if (Files.exists(sources)) {
      try (Stream<Path> files = Files.walk(sources)) {
        assertThat(files.filter(file -> file.toString().endsWith(".java")))
            .noneMatch(file -> text(file).contains(".internal."));
      }
    }
  }

  private static boolean mayUse(String from, String to) {
    return MAY_USE.entrySet().stream()
        .filter(row -> isIn(row.getKey(), from))
        .flatMap(row -> row.getValue().stream())
        .anyMatch(allowed -> isIn(allowed, to));
  }

  private static boolean isIn(String row, String name) {
    return row.endsWith("*")
        ? name.startsWith(OURS + row.substring(0, row.length() - 1))
        : name.equals(OURS + row);
  }

  private static String packageOf(JavaClass type) {
    return type.getPackageName();
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
