package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A proxy between clients and a server on this machine that simulates faults of the network: it
 * refuses connections, stops all traffic, or loses responses. Otherwise it forwards every byte. It
 * depends on no protocol, so it serves databases and brokers. A broker must {@linkplain
 * KafkaBroker#proxy() advertise the proxy}, because brokers send their clients the addresses to
 * connect to.
 *
 * <p>There are at most 200 connections at once; each buffers at most 64 KB in either direction.
 * Safe for many threads.
 */
public final class TcpProxy implements AutoCloseable {

  private static final int MOST_CONNECTIONS = 200;
  private static final int BUFFER_BYTES = 64 * 1024;
  private static final int MOST_ATTEMPTS = 10;
  private static final int TO_CONNECT_MILLIS = 5_000;

  private enum Mode {
    CARRY,
    FREEZE,
    LOSE_ANSWERS,
    REFUSE
  }

  private final ServerSocket listening;
  private final int target;
  private final Set<Link> links = ConcurrentHashMap.newKeySet();
  private Mode mode = Mode.CARRY;
  private volatile int bytesPerSecond = Integer.MAX_VALUE;

  private TcpProxy(int port, int target) {
    this.target = target;
    try {
      listening = new ServerSocket(port, MOST_CONNECTIONS, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException("a proxy cannot listen at port " + port, e);
    }
    start(this::accept, "tcp-proxy-" + target);
  }

  /**
   * Opens a proxy in front of a server on 127.0.0.1, which need not be running yet.
   *
   * @param port the port of the server
   * @return the proxy, at a port of its own
   */
  public static TcpProxy to(int port) {
    for (int attempt = 1; ; attempt++) {
      try {
        return new TcpProxy(FreePort.find(), port);
      } catch (UncheckedIOException e) {
        // Another process has taken the port since it was found.
        if (attempt == MOST_ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  /** Opens a proxy at a given port. */
  static TcpProxy at(int port, int target) {
    return new TcpProxy(port, target);
  }

  /**
   * The port on 127.0.0.1 at which the proxy listens.
   *
   * @return the port
   */
  public int port() {
    return listening.getLocalPort();
  }

  /** Breaks all connections. New connections are accepted. */
  public void cut() {
    links.forEach(Link::cut);
  }

  /** Breaks all connections, and refuses new ones until {@link #restore()}. */
  public void refuse() {
    enter(Mode.REFUSE);
    cut();
  }

  /**
   * Forwards nothing, in either direction. Connections stay open, and new ones are accepted. After
   * {@link #restore()}, the data that was held back is forwarded.
   */
  public void freeze() {
    enter(Mode.FREEZE);
  }

  /**
   * Loses every response from now on, while requests are still forwarded and carried out. {@link
   * #restore()} breaks the connections on which something was lost.
   */
  public void loseAnswers() {
    enter(Mode.LOSE_ANSWERS);
  }

  /**
   * Forwards the requests of each connection slowly, until {@link #restore()}.
   *
   * @param bytes the bytes per second on each connection; 1 or more
   */
  public void slowDown(int bytes) {
    bytesPerSecond = Math.max(1, bytes);
  }

  /** Forwards everything again. */
  public void restore() {
    bytesPerSecond = Integer.MAX_VALUE;
    enter(Mode.CARRY);
    links.stream().filter(link -> link.lost).forEach(Link::cut);
  }

  private synchronized void enter(Mode next) {
    mode = next;
    notifyAll();
  }

  private synchronized Mode awaitNotFrozen() throws InterruptedException {
    while (mode == Mode.FREEZE && !listening.isClosed()) {
      wait();
    }
    return mode;
  }

  private synchronized boolean refuses() {
    return mode == Mode.REFUSE;
  }

  private static void start(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    while (!listening.isClosed()) {
      try {
        connect(listening.accept());
      } catch (IOException e) {
        // The proxy was closed, or the client has disconnected.
      }
    }
  }

  private void connect(Socket client) throws IOException {
    if (refuses() || links.size() >= MOST_CONNECTIONS) {
      client.close();
      return;
    }
    Socket server = new Socket();
    try {
      server.connect(
          new InetSocketAddress(InetAddress.getLoopbackAddress(), target), TO_CONNECT_MILLIS);
    } catch (IOException e) {
      // The server is down, so the client's connection is closed.
      server.close();
      client.close();
      return;
    }
    client.setTcpNoDelay(true);
    server.setTcpNoDelay(true);
    Link link = new Link(client, server);
    links.add(link);
    start(() -> link.carry(client, server, false), "tcp-proxy-requests");
    start(() -> link.carry(server, client, true), "tcp-proxy-answers");
    if (refuses()) {
      link.cut();
    }
  }

  /** Breaks all connections, and stops listening. */
  @Override
  public void close() {
    try {
      listening.close();
    } catch (IOException e) {
      throw new UncheckedIOException("a proxy cannot be closed", e);
    }
    enter(Mode.REFUSE);
    cut();
  }

  /** A client's connection, and the connection to the server that was opened for it. */
  private final class Link {

    private final Socket client;
    private final Socket server;
    private volatile boolean lost;

    Link(Socket client, Socket server) {
      this.client = client;
      this.server = server;
    }

    void carry(Socket source, Socket destination, boolean answers) {
      try (InputStream from = source.getInputStream();
          OutputStream to = destination.getOutputStream()) {
        byte[] bytes = new byte[BUFFER_BYTES];
        for (int read = from.read(bytes); read >= 0; read = from.read(bytes)) {
          // After lost bytes, everything on this connection is lost: the client could not parse the
          // rest.
          if (answers && (awaitNotFrozen() == Mode.LOSE_ANSWERS || lost)) {
            lost = true;
          } else {
            Mode unused = awaitNotFrozen();
            to.write(bytes, 0, read);
            to.flush();
            if (!answers && bytesPerSecond < Integer.MAX_VALUE) {
              Thread.sleep(1_000L * read / bytesPerSecond);
            }
          }
        }
      } catch (IOException e) {
        // The connection was broken by the proxy, or by either side.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        cut();
      }
    }

    void cut() {
      links.remove(this);
      close(client);
      close(server);
    }

    private void close(Socket socket) {
      try {
        socket.close();
      } catch (IOException e) {
        // The socket is closed anyway.
      }
    }
  }
}
