package dev.pgeventstore.postgres.internal.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The scripts that are named in the code are those of db/migration. */
class MigrationScriptsTest {

  @Test
  void each_script_of_the_directory_is_named_in_the_order_of_its_version() throws Exception {
    List<String> files;
    try (Stream<Path> directory = Files.list(Path.of("../db/migration"))) {
      files =
          directory
              .map(file -> file.getFileName().toString())
              .sorted(
                  Comparator.comparingInt(
                      name -> Integer.parseInt(name.substring(1, name.indexOf("__")))))
              .toList();
    }
    assertThat(MigrationScripts.NAMES).isEqualTo(files);
  }

  @Test
  void scripts_are_read_as_they_are_written() throws Exception {
    for (MigrationScript script : MigrationScripts.load().all()) {
      assertThat(script.text())
          .isEqualTo(Files.readString(Path.of("../db/migration", script.fileName())));
    }
  }
}
