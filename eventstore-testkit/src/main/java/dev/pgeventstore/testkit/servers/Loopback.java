package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;

/** Ports of 127.0.0.1. */
final class Loopback {

  // Below the range that outgoing connections take their ports from: a client that tries to reach a
  // killed server could otherwise be given the server's port, and connect to itself.
  private static final int LOWEST = 15_000;
  private static final int HIGHEST = 32_000;

  private Loopback() {}

  static int freePort() throws IOException {
    IOException last = null;
    for (int tries = 0; tries < 100; tries++) {
      int port = ThreadLocalRandom.current().nextInt(LOWEST, HIGHEST);
      try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
        return socket.getLocalPort();
      } catch (IOException e) {
        last = e;
      }
    }
    throw new IOException("no free port on 127.0.0.1", last);
  }
}
