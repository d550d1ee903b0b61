package dev.pgeventstore.testkit.servers;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;

/**
 * Checks whether a broker serves clients. It does when it lists itself among the brokers of its
 * cluster; its port is open well before that. The request is Metadata, version 4, of Kafka's
 * protocol, so that this module needs no Kafka client.
 */
final class BrokerProbe {

  private static final short METADATA = 3;
  private static final short VERSION = 4;
  private static final int TIMEOUT_MILLIS = 1_000;

  private BrokerProbe() {}

  /**
   * Whether the broker that listens at a port of this machine lists that port as its own.
   *
   * @param port a port without encryption and login
   */
  static boolean isReady(int port) {
    try (Socket socket = new Socket()) {
      socket.setSoTimeout(TIMEOUT_MILLIS);
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), TIMEOUT_MILLIS);
      socket.getOutputStream().write(request());
      return names(port, new DataInputStream(socket.getInputStream()));
    } catch (IOException e) {
      return false;
    }
  }

  private static byte[] request() throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    DataOutputStream data = new DataOutputStream(body);
    data.writeShort(METADATA);
    data.writeShort(VERSION);
    data.writeInt(1); // correlation id
    data.writeShort(-1); // client id: none
    data.writeInt(0); // topics: none
    data.writeBoolean(false); // creates no topic
    ByteArrayOutputStream framed = new ByteArrayOutputStream();
    new DataOutputStream(framed).writeInt(body.size());
    body.writeTo(framed);
    return framed.toByteArray();
  }

  private static boolean names(int port, DataInputStream answer) throws IOException {
    answer.readInt(); // size
    answer.readInt(); // correlation id
    answer.readInt(); // throttled for
    int brokers = answer.readInt();
    boolean found = false;
    for (int i = 0; i < brokers; i++) {
      answer.readInt(); // node id
      answer.skipNBytes(answer.readShort()); // host
      found |= answer.readInt() == port;
      answer.skipNBytes(Math.max(0, answer.readShort())); // rack
    }
    return found;
  }
}
