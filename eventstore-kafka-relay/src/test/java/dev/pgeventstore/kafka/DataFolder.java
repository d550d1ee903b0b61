package dev.pgeventstore.kafka;

import dev.pgeventstore.testkit.servers.PostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** A server's files, to be copied away and put back while it does not run. */
record DataFolder(Path folder) {

  /** Those that belong to who runs the server, not to its data. */
  private static final Set<String> OF_THE_PROCESS = Set.of("postmaster.pid", "epg-lock");

  static DataFolder of(PostgresServer server) throws SQLException {
    try (Connection connection = server.createDatabase().open();
        Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("show data_directory")) {
      row.next();
      return new DataFolder(Path.of(row.getString(1)));
    }
  }

  void copyTo(Path other) throws IOException {
    copy(folder, other);
  }

  /** Brings the files to the state they had when they were copied. */
  void putBack(Path copy) throws IOException {
    for (Path file : files(folder, Comparator.reverseOrder())) {
      if (!file.equals(folder)) {
        Files.delete(file);
      }
    }
    copy(copy, folder);
  }

  private static void copy(Path from, Path to) throws IOException {
    for (Path file : files(from, Comparator.naturalOrder())) {
      Path target = to.resolve(from.relativize(file).toString());
      if (!file.equals(from) || !Files.exists(to)) {
        Files.copy(file, target, StandardCopyOption.COPY_ATTRIBUTES, LinkOption.NOFOLLOW_LINKS);
      }
    }
  }

  private static List<Path> files(Path folder, Comparator<Path> order) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(file -> !OF_THE_PROCESS.contains(file.getFileName().toString()))
          .sorted(order)
          .toList();
    }
  }
}
