package dev.pgeventstore.testkit.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.util.Map;
import org.junit.jupiter.api.Test;

class KafkaBrokerTest {

  @Test
  void a_broker_that_was_killed_comes_up_again_at_the_same_address() throws IOException {
    try (KafkaBroker broker = KafkaBroker.start()) {
      assumeTrue(broker.canBeKilled(), "needs a broker that was started here");
      String address = broker.bootstrap();
      connect(broker);

      broker.killHard();
      assertThatThrownBy(() -> connect(broker)).isInstanceOf(IOException.class);
      broker.restart();

      assertThat(broker.bootstrap()).isEqualTo(address);
      connect(broker);
    }
  }

  @Test
  void a_broker_that_cannot_start_says_why() {
    assumeTrue(System.getProperty("kafka.bootstrap", "").isBlank(), "needs one to start here");

    assertThatThrownBy(() -> KafkaBroker.start(Map.of("log.segment.bytes", "none")).close())
        .hasMessageContaining("log.segment.bytes");
  }

  private static void connect(KafkaBroker broker) throws IOException {
    String[] hostAndPort = broker.bootstrap().split(":");
    try (Socket socket =
        new Socket(InetAddress.getByName(hostAndPort[0]), Integer.parseInt(hostAndPort[1]))) {
      assertThat(socket.isConnected()).isTrue();
    }
  }
}
