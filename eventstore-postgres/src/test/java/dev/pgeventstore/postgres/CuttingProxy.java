package dev.pgeventstore.postgres;

import dev.pgeventstore.testkit.servers.Database;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Stands between a store and its server, and cuts connections: when a request of the store was
 * carried out and committed, but before its answer arrives; or before the request arrives.
 *
 * <p>Requests are told by the name of the schema in their text, which therefore must be sent each
 * time. Those that only notify others are let through.
 */
final class CuttingProxy implements AutoCloseable {

  private static final Pattern ADDRESS = Pattern.compile("//([^:/]+):(\\d+)/");

  private final ServerSocket listening;
  private final String host;
  private final int port;
  private final Database database;
  private final Semaphore answersToLose = new Semaphore(0);
  private final Semaphore requestsToLose = new Semaphore(0);
  private final AtomicInteger lost = new AtomicInteger();
  private final Set<Link> links = ConcurrentHashMap.newKeySet();

  CuttingProxy(Database behind) {
    Matcher address = ADDRESS.matcher(behind.url());
    if (!address.find()) {
      throw new IllegalArgumentException("no host and port in " + behind.url());
    }
    host = address.group(1);
    port = Integer.parseInt(address.group(2));
    try {
      listening = new ServerSocket(0, 200, InetAddress.getByName("127.0.0.1"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    database =
        new Database(
            address.replaceFirst("//127.0.0.1:" + listening.getLocalPort() + "/")
                + "&sslmode=disable&gssEncMode=disable&prepareThreshold=0");
    start(this::accept, "proxy");
  }

  /** The same database, reached through here. */
  Database database() {
    return database;
  }

  /** Cuts the next connections on which the store has committed something. */
  void loseAnswers(int count) {
    answersToLose.drainPermits();
    answersToLose.release(count);
  }

  /** Cuts the next connections on which the store sends a request. */
  void loseRequests(int count) {
    requestsToLose.drainPermits();
    requestsToLose.release(count);
  }

  /** The number of lost responses and requests. */
  int lost() {
    return lost.get();
  }

  /** Cuts all connections, whatever they are doing. */
  void cutAll() {
    links.forEach(Link::cut);
  }

  private static void start(Runnable task, String name) {
    Thread thread = new Thread(task, name);
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    while (!listening.isClosed()) {
      try {
        Socket client = listening.accept();
        try {
          Link link = new Link(client, new Socket(host, port));
          links.add(link);
          start(link::carryRequests, "proxy-requests");
          start(link::carryAnswers, "proxy-answers");
        } catch (IOException e) {
          client.close(); // The server is away, and so the store is told.
        }
      } catch (IOException e) {
        // Closed.
      }
    }
  }

  @Override
  public void close() {
    try {
      listening.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    cutAll();
  }

  /** One connection of the store. */
  private final class Link {
    private final Socket client;
    private final Socket server;
    private volatile boolean ofInterest;

    Link(Socket client, Socket server) throws IOException {
      this.client = client;
      this.server = server;
      client.setTcpNoDelay(true);
      server.setTcpNoDelay(true);
    }

    void cut() {
      links.remove(this);
      try (client;
          server) {
        // Both are closed.
      } catch (IOException e) {
        // It was cut already.
      }
    }

    void carryRequests() {
      try (InputStream from = client.getInputStream();
          OutputStream to = server.getOutputStream()) {
        byte[] bytes = new byte[1 << 16];
        for (int n = from.read(bytes); n >= 0; n = from.read(bytes)) {
          if (isOfInterest(new String(bytes, 0, n, StandardCharsets.ISO_8859_1))) {
            ofInterest = true;
            if (requestsToLose.tryAcquire()) {
              lost.incrementAndGet();
              return;
            }
          }
          to.write(bytes, 0, n);
          to.flush();
        }
      } catch (IOException e) {
        // Cut.
      } finally {
        cut();
      }
    }

    private boolean isOfInterest(String request) {
      return request.contains("eventstore") && !request.contains("pg_notify");
    }

    /** Message by message, as the protocol has them; an answer ends with one that is ready. */
    void carryAnswers() {
      try (DataInputStream from = new DataInputStream(server.getInputStream());
          OutputStream to = client.getOutputStream()) {
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        while (true) {
          byte type = from.readByte();
          int length = from.readInt();
          byte[] body = new byte[length - 4];
          from.readFully(body);
          answer.write(type);
          for (int shift = 24; shift >= 0; shift -= 8) {
            answer.write(length >> shift);
          }
          answer.write(body);
          boolean isReady = type == 'Z';
          boolean isOutsideOfTransactions = isReady && body[0] == 'I';
          if (ofInterest && isOutsideOfTransactions) {
            if (answersToLose.tryAcquire()) {
              lost.incrementAndGet();
              return;
            }
            ofInterest = false;
          }
          if (isReady || !ofInterest) {
            answer.writeTo(to);
            to.flush();
            answer.reset();
          }
        }
      } catch (EOFException e) {
        // The server has closed it.
      } catch (IOException e) {
        // Cut.
      } finally {
        cut();
      }
    }
  }
}
