package dev.pgeventstore.examples.firstevent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class FirstEventTest {

  /** In a process of its own, as the page starts it, but on the server of the tests. */
  @Test
  void the_first_program_of_the_guide_prints_the_stored_event(Database database) throws Exception {
    Process program =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-XX:TieredStopAtLevel=1",
                "-Dpg.url=" + database.url(),
                "-cp",
                System.getProperty("java.class.path"),
                FirstEvent.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    byte[] printed = program.getInputStream().readAllBytes();

    assertThat(new String(printed, StandardCharsets.UTF_8))
        .isEqualToIgnoringNewLines("NoteWritten[text=Hello]");
    assertThat(program.waitFor()).isZero();
  }
}
