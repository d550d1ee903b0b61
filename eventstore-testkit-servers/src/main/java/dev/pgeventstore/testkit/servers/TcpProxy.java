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
 * Stands between clients and a server on this machine, and does what networks do: it refuses, falls
 * silent, or loses answers. In between it carries every byte. Knows no protocol, so it serves
 * databases and brokers alike; a broker must {@linkplain KafkaBroker#proxy() know of it}, because
 * brokers tell their clients where to connect.
 *
 * <p>At most 200 connections stand at once; each holds at most 64 KB in either direction. Safe for
 * many threads.
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
   * Opens a proxy in front of a server on 127.0.0.1, which may be away at this moment.
   *
   * @param port the server's
   * @return the proxy, at a port of its own
   */
  public static TcpProxy to(int port) {
    for (int attempt = 1; ; attempt++) {
      try {
        return new TcpProxy(FreePort.find(), port);
      } catch (UncheckedIOException e) {
        // Another process took it in the moment since it was found.
        if (attempt == MOST_ATTEMPTS) {
          throw e;
        }
      }
    }
  }

  /** Opens one at a port that was found before. */
  static TcpProxy at(int port, int target) {
    return new TcpProxy(port, target);
  }

  /**
   * Where it listens on 127.0.0.1.
   *
   * @return the port
   */
  public int port() {
    return listening.getLocalPort();
  }

  /** Breaks all connections. New ones are let in. */
  public void cut() {
    links.forEach(Link::cut);
  }

  /** Breaks all connections, and lets no new one in until {@link #restore()}. */
  public void refuse() {
    enter(Mode.REFUSE);
    cut();
  }

  /**
   * Carries nothing any more, in either direction: connections stay open, new ones are let in, and
   * nobody hears anything. After {@link #restore()} what was held goes on its way.
   */
  public void freeze() {
    enter(Mode.FREEZE);
  }

  /**
   * Loses every answer from now on, while requests still arrive and are carried out. {@link
   * #restore()} breaks the connections on which something was lost.
   */
  public void loseAnswers() {
    enter(Mode.LOSE_ANSWERS);
  }

  /**
   * Carries requests slowly, each connection by itself, until {@link #restore()}.
   *
   * @param bytes in a second; 1 or more
   */
  public void slowDown(int bytes) {
    bytesPerSecond = Math.max(1, bytes);
  }

  /** Carries everything again. */
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
        // Closed, or the client has gone again.
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
      // The server is away, and so the client is told.
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

  /** Breaks all connections and listens no more. */
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

  /** A client's connection and the one that was made for it. */
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
          // Behind a hole everything is lost: the rest would make no sense to the client.
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
        // Cut by us, or by either side.
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
        // It is of no use any more.
      }
    }
  }
}
