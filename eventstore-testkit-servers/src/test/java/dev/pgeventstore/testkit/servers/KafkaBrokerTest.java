package dev.pgeventstore.testkit.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class KafkaBrokerTest {

  @Tag("faults")
  @Test
  void a_broker_responds_until_it_is_killed_and_again_after_a_restart() throws IOException {
    try (KafkaBroker broker = KafkaBroker.start()) {
      assumeTrue(broker.canBeKilled(), "needs a broker that was started here");
      assertThat(answers(broker)).isTrue();

      assertThat(answers(broker.proxiedBootstrap())).isTrue();
      broker.proxy().refuse();
      assertThatThrownBy(() -> answers(broker.proxiedBootstrap())).isInstanceOf(IOException.class);
      assertThat(answers(broker)).isTrue();
      broker.proxy().restore();

      broker.killHard();
      assertThatThrownBy(() -> answers(broker)).isInstanceOf(IOException.class);
      broker.restart();
      assertThat(answers(broker)).isTrue();
      assertThat(answers(broker.proxiedBootstrap())).isTrue();

      broker.pause();
      assertThatThrownBy(() -> answers(broker)).isInstanceOf(SocketTimeoutException.class);
      broker.resume();
      assertThat(answers(broker)).isTrue();
    }
  }

  /**
   * Requests the API versions, as every client does first; true if the response belongs to this
   * request.
   */
  private static boolean answers(KafkaBroker broker) throws IOException {
    return answers(broker.bootstrap());
  }

  private static boolean answers(String bootstrap) throws IOException {
    int colon = bootstrap.lastIndexOf(':');
    try (Socket socket =
        new Socket(
            bootstrap.substring(0, colon), Integer.parseInt(bootstrap.substring(colon + 1)))) {
      socket.setSoTimeout(2_000);
      byte[] client = "test".getBytes(StandardCharsets.UTF_8);
      DataOutputStream request = new DataOutputStream(socket.getOutputStream());
      request.writeInt(2 + 2 + 4 + 2 + client.length);
      request.writeShort(18);
      request.writeShort(0);
      request.writeInt(4711);
      request.writeShort(client.length);
      request.write(client);
      request.flush();
      DataInputStream response = new DataInputStream(socket.getInputStream());
      return response.readInt() > 6 && response.readInt() == 4711 && response.readShort() == 0;
    }
  }
}
