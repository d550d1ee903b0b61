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
  void it_carries_questions_and_answers() throws IOException {
    try (Socket client = client()) {
      assertThat(ask(client, 1)).isEqualTo(2);
      assertThat(ask(client, 7)).isEqualTo(8);
    }
  }

  @Test
  void cut_connections_are_broken_and_new_ones_are_let_in() throws IOException {
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
  void while_it_refuses_nobody_gets_through() throws IOException {
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
  void what_was_held_while_it_was_frozen_goes_on_its_way_afterwards() throws IOException {
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
  void a_question_whose_answer_is_lost_is_heard_and_its_connection_ends() throws IOException {
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
