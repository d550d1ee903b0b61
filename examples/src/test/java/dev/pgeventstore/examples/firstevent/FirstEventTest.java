package dev.pgeventstore.examples.firstevent;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class FirstEventTest {

  /** In a process of its own, as the page starts it: the text goes to its standard output. */
  @Test
  void the_first_program_of_the_guide_prints_the_stored_event() throws Exception {
    Process program =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                FirstEvent.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();

    assertThat(output(program)).isEqualToIgnoringNewLines("NoteWritten[text=Hello]");
    assertThat(program.waitFor()).isZero();
  }

  private static String output(Process program) throws IOException {
    return new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }
}
