package dev.pgeventstore.benchmarks;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * The CPU time of processes and of the whole machine, which Linux reports in {@code /proc} in ticks
 * of 10 ms. The time of a process that has ended is added to its parent.
 */
final class ProcessTable {

  private static final Path PROC = Path.of("/proc");
  private static final long NANOS_PER_TICK = TimeUnit.MILLISECONDS.toNanos(10);

  private final Map<Long, Entry> entries;

  private ProcessTable(Map<Long, Entry> entries) {
    this.entries = entries;
  }

  static boolean isThere() {
    return Files.isReadable(PROC.resolve("stat")) && Files.isReadable(PROC.resolve("self/stat"));
  }

  static ProcessTable read() throws IOException {
    Map<Long, Entry> entries = new HashMap<>();
    try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
      for (Path process : processes) {
        try {
          entries.put(
              Long.parseLong(process.getFileName().toString()),
              Entry.parse(Files.readString(process.resolve("stat"))));
        } catch (IOException e) {
          // The process has ended meanwhile.
        }
      }
    }
    return new ProcessTable(entries);
  }

  /** The parent of a process; 0 if it is unknown. */
  long parentOf(long pid) {
    Entry entry = entries.get(pid);
    return entry == null ? 0 : entry.parent;
  }

  /** The name of a process; empty if it is unknown. */
  String nameOf(long pid) {
    Entry entry = entries.get(pid);
    return entry == null ? "" : entry.name;
  }

  /** The CPU time of a process and all its descendants, without that of another tree. */
  long nanosOfTree(long root, long butFor) {
    Set<Long> tree = new HashSet<>();
    for (long pid : entries.keySet()) {
      if (descendsFrom(root, pid) && !descendsFrom(butFor, pid)) {
        tree.add(pid);
      }
    }
    return tree.stream().mapToLong(pid -> entries.get(pid).ticks * NANOS_PER_TICK).sum();
  }

  private boolean descendsFrom(long root, long pid) {
    for (long each = pid; each > 0; each = parentOf(each)) {
      if (each == root) {
        return true;
      }
    }
    return false;
  }

  /** Reads the CPU time of all processors. */
  static Machine machine() throws IOException {
    return Machine.parse(Files.readString(PROC.resolve("stat")));
  }

  /**
   * The data of a process.
   *
   * @param name the name of its program
   * @param parent the process that has started it
   * @param ticks its own ticks, and those of its children that have ended
   */
  record Entry(String name, long parent, long ticks) {

    static Entry parse(String stat) {
      // The name may contain blanks and parentheses; the rest begins with the third field.
      int end = stat.lastIndexOf(')');
      String[] rest = stat.substring(end + 2).split(" ");
      long ticks = 0;
      for (int field = 14; field <= 17; field++) {
        ticks += Long.parseLong(rest[field - 3]);
      }
      return new Entry(
          stat.substring(stat.indexOf('(') + 1, end), Long.parseLong(rest[4 - 3]), ticks);
    }
  }

  /**
   * The time of all processors together, since the machine was started.
   *
   * @param busyNanos the time in which they were busy, or the host used them otherwise
   * @param totalNanos the whole time
   */
  record Machine(long busyNanos, long totalNanos) {

    static Machine parse(String stat) {
      String[] fields = stat.lines().findFirst().orElseThrow().split(" +");
      long total = 0;
      // user, nice, system, idle, iowait, irq, softirq, steal; guests are among the users.
      for (int i = 1; i <= 8; i++) {
        total += Long.parseLong(fields[i]);
      }
      long idle = Long.parseLong(fields[4]) + Long.parseLong(fields[5]);
      return new Machine((total - idle) * NANOS_PER_TICK, total * NANOS_PER_TICK);
    }
  }
}
