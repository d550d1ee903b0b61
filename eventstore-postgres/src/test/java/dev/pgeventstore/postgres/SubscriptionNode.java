package dev.pgeventstore.postgres;

import static org.awaitility.Awaitility.await;

import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.subscription.ParkedEvents;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.subscription.SubscriptionListener;
import dev.pgeventstore.subscription.SubscriptionListener.Failed;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseEnded;
import dev.pgeventstore.subscription.SubscriptionListener.LeaseTaken;
import dev.pgeventstore.subscription.SubscriptionListener.Parked;
import dev.pgeventstore.subscription.SubscriptionListener.Stopped;
import dev.pgeventstore.subscription.SubscriptionStatus;
import dev.pgeventstore.testkit.servers.Database;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/**
 * The subscription of the {@link Ledger} in a process of its own, which can be killed and paused.
 * It says line by line what happens there, and does what it is told.
 */
final class SubscriptionNode implements AutoCloseable {

  /** The thread of a node that carries commands out, and so replays what was parked. */
  static final String COMMANDS = "commands";

  private static final Duration PATIENCE = Duration.ofSeconds(90);
  private static final int ATTEMPTS_TO_START = 40;

  private final NodeSettings settings;
  private final Process process;
  private final PrintWriter commands;
  private final List<String> lines = new CopyOnWriteArrayList<>();
  private final AtomicInteger asked = new AtomicInteger();

  private SubscriptionNode(NodeSettings settings, Process process) {
    this.settings = settings;
    this.process = process;
    this.commands = new PrintWriter(process.getOutputStream(), true, StandardCharsets.UTF_8);
    Thread reader = new Thread(this::read, "output of " + settings.node());
    reader.setDaemon(true);
    reader.start();
  }

  /** Starts a process; it begins with the subscription by and by. */
  static SubscriptionNode start(Database database, NodeSettings settings) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + settings.heapMegabytes() + "m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:+ExitOnOutOfMemoryError",
                "-cp",
                System.getProperty("java.class.path"),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel="
                    + System.getProperty("node.log", "error"),
                // It calls it an error that its connection is cut.
                "-Dorg.slf4j.simpleLogger.log.org.flywaydb=off",
                SubscriptionNode.class.getName(),
                database.url()));
    command.addAll(settings.arguments());
    try {
      return new SubscriptionNode(
          settings,
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start());
    } catch (IOException e) {
      throw new IllegalStateException(settings.node() + " cannot be started", e);
    }
  }

  private void read() {
    try (BufferedReader output =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = output.readLine(); line != null; line = output.readLine()) {
        lines.add(line);
      }
    } catch (IOException e) {
      lines.add("GONE " + e.getMessage());
    }
  }

  String name() {
    return settings.node();
  }

  long pid() {
    return process.pid();
  }

  boolean isRunning() {
    return process.isAlive();
  }

  /** All it has said. */
  List<String> lines() {
    return List.copyOf(lines);
  }

  List<String> lines(String beginning) {
    return lines.stream().filter(line -> line.startsWith(beginning)).toList();
  }

  SubscriptionNode awaitStarted() {
    awaitLine("STARTED");
    return this;
  }

  /** Waits until it says something, or has said it. */
  String awaitLine(String beginning) {
    try {
      await("%s saying %s".formatted(name(), beginning))
          .atMost(PATIENCE)
          .pollInterval(Duration.ofMillis(5))
          .until(() -> !lines(beginning).isEmpty() || !process.isAlive());
    } catch (org.awaitility.core.ConditionTimeoutException e) {
      throw new IllegalStateException(name() + " has said " + lines, e);
    }
    return lines(beginning).stream()
        .findFirst()
        .orElseThrow(() -> new IllegalStateException(name() + " has ended, and had said " + lines));
  }

  /** Waits until it has ended by itself. */
  int awaitEnd() throws InterruptedException {
    if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
      throw new IllegalStateException(name() + " did not end");
    }
    return process.exitValue();
  }

  /** Whether the process accepts commands. */
  boolean hasStarted() {
    return process.isAlive() && !lines("STARTED").isEmpty();
  }

  /** Sends a command without waiting for the response. */
  String tell(String command) {
    String number = Integer.toString(asked.incrementAndGet());
    commands.println(number + " " + command);
    return number;
  }

  private String ask(String command) {
    String number = tell(command);
    return awaitLine("ANSWER " + number + " ").substring(("ANSWER " + number + " ").length());
  }

  /** Lets a handler go on that holds. */
  void letGo() {
    ask("go");
  }

  /** What its status says. */
  Map<String, String> status() {
    Map<String, String> status = new HashMap<>();
    for (String field : ask("status").split("\\|")) {
      String[] parts = field.split("=", 2);
      status.put(parts[0], parts.length > 1 ? parts[1] : "");
    }
    return status;
  }

  /** Replays everything that is parked. Says how many were handled, and how many failed. */
  String replay() {
    return ask("replay");
  }

  String discard(long position, String reason) {
    return ask("discard " + position + " " + reason);
  }

  /** Closes the subscription, and the process ends. */
  void closeOrderly() throws InterruptedException {
    ask("close");
    if (awaitEnd() != 0) {
      throw new IllegalStateException(name() + " ended with " + process.exitValue());
    }
  }

  /** Sends SIGSTOP: the process stops without noticing it. */
  void pause() throws IOException, InterruptedException {
    signal("STOP");
  }

  /** Sends SIGCONT. */
  void resume() throws IOException, InterruptedException {
    signal("CONT");
  }

  private void signal(String name) throws IOException, InterruptedException {
    Process kill = new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start();
    if (!kill.waitFor(10, TimeUnit.SECONDS) || kill.exitValue() != 0) {
      throw new IllegalStateException("SIG" + name + " cannot be sent to " + name());
    }
  }

  /** Sends SIGKILL. */
  void kill() throws InterruptedException {
    if (!process.destroyForcibly().waitFor(60, TimeUnit.SECONDS)) {
      throw new IllegalStateException(name() + " did not end");
    }
  }

  @Override
  public void close() throws InterruptedException {
    kill();
  }

  /** The node's own side: database URL, and {@link NodeSettings#arguments()}. */
  public static void main(String[] arguments) throws Exception {
    Thread.currentThread().setName(COMMANDS);
    NodeSettings settings = NodeSettings.parse(List.of(arguments).subList(1, arguments.length));
    Ledger ledger = new Ledger(settings.node(), SubscriptionNode::say);
    TestStore store = open(settings.connecting(new Database(arguments[0])));
    Subscription subscription = start(settings, store, ledger);
    say("STARTED");
    BufferedReader input =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] words = line.split(" ", 2);
      say("ANSWER " + words[0] + " " + answer(words[1], subscription, ledger));
      if (words[1].equals("close")) {
        store.close();
        System.exit(0);
      }
    }
    // The parent process has ended.
    Runtime.getRuntime().halt(1);
  }

  /** A server that is just coming back refuses a while. */
  private static TestStore open(Database database) throws InterruptedException {
    for (int attempt = 1; ; attempt++) {
      try {
        return new TestStore(database, 10, builder -> builder);
      } catch (RuntimeException e) {
        pauseBefore(attempt, e);
      }
    }
  }

  private static Subscription start(NodeSettings settings, TestStore store, Ledger ledger)
      throws InterruptedException {
    for (int attempt = 1; ; attempt++) {
      try {
        return settings.start(store, ledger, new Telling());
      } catch (dev.pgeventstore.EventStoreException e) {
        pauseBefore(attempt, e);
      }
    }
  }

  private static void pauseBefore(int attempt, RuntimeException e) throws InterruptedException {
    say("NOT STARTED " + e);
    if (attempt == ATTEMPTS_TO_START) {
      throw e;
    }
    Thread.sleep(250);
  }

  private static synchronized void say(String what) {
    System.out.println(what.replace('\n', ' '));
    System.out.flush();
  }

  private static String answer(String command, Subscription subscription, Ledger ledger) {
    try {
      String[] words = command.split(" ", 3);
      switch (words[0]) {
        case "go" -> ledger.letGo();
        case "close" -> subscription.close();
        case "status" -> {
          return told(subscription.status());
        }
        case "replay" -> {
          ParkedEvents.Replay replay = subscription.parked().replay();
          return replay.handled() + " " + replay.failed().size();
        }
        case "replay-stream" -> {
          ParkedEvents.Replay replay = subscription.parked().replay(StreamId.parse(words[1]));
          return replay.handled() + " " + replay.failed().size();
        }
        case "discard" -> {
          return ""
              + subscription.parked().discard(Position.of(Long.parseLong(words[1])), words[2]);
        }
        default -> throw new IllegalArgumentException(command);
      }
      return "done";
    } catch (RuntimeException e) {
      return "failed: " + e;
    }
  }

  static String told(SubscriptionStatus status) {
    return "state=%s|healthy=%s|position=%s|mark=%s|parked=%d|error=%s|complaint=%s|own=%s|heap=%d"
        .formatted(
            status.state(),
            status.isHealthy(),
            status.position(),
            status.highWaterMark(),
            status.parked(),
            status.error().map(Throwable::getMessage).orElse(""),
            status.complaint().orElse(""),
            status.partitions().stream()
                .map(p -> p.number() + ":" + p.owner().orElse("nobody") + ":" + p.position())
                .collect(Collectors.joining(",")),
            Runtime.getRuntime().totalMemory());
  }

  /** Says what the subscription does. */
  private static final class Telling implements SubscriptionListener {

    @Override
    public void failed(Failed failure) {
      say("FAILED " + failure.partition() + " " + failure.position() + " " + failure.error());
    }

    @Override
    public void parked(Parked parked) {
      say("PARKED " + parked.event().position() + " " + parked.event().attempts());
    }

    @Override
    public void leaseTaken(LeaseTaken lease) {
      say("TAKEN " + lease.partition() + " " + lease.epoch());
    }

    @Override
    public void leaseEnded(LeaseEnded lease) {
      say((lease.lost() ? "LOST " : "GIVEN ") + lease.partition());
    }

    @Override
    public void stopped(Stopped stop) {
      say("STOPPED " + stop.error());
    }
  }
}
