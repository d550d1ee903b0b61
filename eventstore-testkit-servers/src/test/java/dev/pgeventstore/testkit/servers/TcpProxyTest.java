package dev.pgeventstore.testkit.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TcpProxyTest {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final AtomicInteger heard = new AtomicInteger();
  private ServerSocket server;
  private TcpProxy proxy;

  @BeforeEach
  void open() throws IOException {
    server = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
    start(this::accept);
    proxy = TcpProxy.to(server.getLocalPort());
  }

  private static void start(Runnable task) {
    Thread thread = new Thread(task, "echo");
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket client = server.accept();
        start(() -> echo(client));
      } catch (IOException e) {
        return;
      }
    }
  }

  /** Responds to each byte with the next one. */
  private void echo(Socket client) {
    try (client) {
      for (int b = client.getInputStream().read(); b >= 0; b = client.getInputStream().read()) {
        heard.incrementAndGet();
        client.getOutputStream().write(b + 1);
      }
    } catch (IOException e) {
      // The connection was cut.
    }
  }

  @AfterEach
  void close() throws IOException {
    proxy.close();
    server.close();
  }

  private Socket client() throws IOException {
    Socket socket = new Socket(InetAddress.getByName("127.0.0.1"), proxy.port());
    socket.setSoTimeout(60_000);
    return socket;
  }

  private static int ask(Socket client, int question) throws IOException {
    client.getOutputStream().write(question);
    return client.getInputStream().read();
  }

  private static boolean isBroken(Socket client) {
    try {
      return ask(client, 1) < 0;
    } catch (IOException e) {
      return true;
    }
  }

  @Test
  void requests_and_responses_are_forwarded() throws IOException {
    try (Socket client = client()) {
      assertThat(ask(client, 1)).isEqualTo(2);
      assertThat(ask(client, 7)).isEqualTo(8);
    }
  }

  @Test
  void a_cut_breaks_connections_and_new_ones_are_accepted() throws IOException {
    try (Socket client = client()) {
      assertThat(ask(client, 1)).isEqualTo(2);
      proxy.cut();
      assertThat(isBroken(client)).isTrue();
    }
    try (Socket client = client()) {
      assertThat(ask(client, 1)).isEqualTo(2);
    }
  }

  @Test
  void no_connection_gets_through_while_they_are_refused() throws IOException {
    proxy.refuse();
    try (Socket client = client()) {
      assertThat(isBroken(client)).isTrue();
    }
    proxy.restore();
    try (Socket client = client()) {
      assertThat(ask(client, 1)).isEqualTo(2);
    }
  }

  @Test
  void data_held_back_while_the_proxy_is_frozen_is_forwarded_afterwards() throws IOException {
    try (Socket client = client()) {
      assertThat(ask(client, 1)).isEqualTo(2);
      proxy.freeze();
      client.setSoTimeout(200);
      assertThatThrownBy(() -> ask(client, 3)).isInstanceOf(SocketTimeoutException.class);
      assertThat(heard).hasValue(1);
      client.setSoTimeout(60_000);
      proxy.restore();
      assertThat(client.getInputStream().read()).isEqualTo(4);
    }
  }

  @Test
  void a_request_whose_response_is_lost_arrives_and_its_connection_is_broken() throws IOException {
    try (Socket client = client()) {
      assertThat(ask(client, 1)).isEqualTo(2);
      proxy.loseAnswers();
      client.getOutputStream().write(3);
      await().atMost(PATIENCE).until(() -> heard.get() == 2);
      client.setSoTimeout(200);
      assertThatThrownBy(() -> client.getInputStream().read())
          .isInstanceOf(SocketTimeoutException.class);
      proxy.restore();
      client.setSoTimeout(60_000);
      assertThat(isBroken(client)).isTrue();
    }
  }
}
