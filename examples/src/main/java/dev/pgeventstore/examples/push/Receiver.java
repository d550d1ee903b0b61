package dev.pgeventstore.examples.push;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The other application. It accepts each event once, by its id. It is unreliable: sometimes it is
 * too busy, and sometimes it accepts an event but its response is lost.
 */
final class Receiver implements AutoCloseable {

  private final HttpServer server;
  private final Map<String, Taken> taken = new LinkedHashMap<>();
  private int requests;
  private String position = "";

  Receiver() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/position", this::tellPosition);
    server.createContext("/events", this::take);
    server.start();
  }

  URI address() {
    return URI.create(
        "http://%s:%d/"
            .formatted(
                server.getAddress().getAddress().getHostAddress(), server.getAddress().getPort()));
  }

  private synchronized void tellPosition(HttpExchange exchange) throws IOException {
    byte[] body = position.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }

  private synchronized void take(HttpExchange exchange) throws IOException {
    byte[] body = exchange.getRequestBody().readAllBytes();
    requests++;
    if (requests % 5 == 0) {
      answer(503, exchange);
      return;
    }
    String id = exchange.getRequestHeaders().getFirst("Idempotency-Key");
    String stream = exchange.getRequestHeaders().getFirst("Stream");
    if (taken.putIfAbsent(
            id, new Taken(stream, new String(body, StandardCharsets.UTF_8), Instant.now()))
        == null) {
      position = exchange.getRequestHeaders().getFirst("Position");
    }
    // The response is lost after the event was accepted.
    answer(requests % 7 == 0 ? 504 : 204, exchange);
  }

  private static void answer(int status, HttpExchange exchange) throws IOException {
    exchange.sendResponseHeaders(status, -1);
    exchange.close();
  }

  synchronized List<Taken> taken() {
    return new ArrayList<>(taken.values());
  }

  synchronized int requests() {
    return requests;
  }

  @Override
  public void close() {
    server.stop(0);
  }

  /** An accepted event, and when it was accepted. */
  record Taken(String stream, String json, Instant at) {

    Duration since(Instant moment) {
      return Duration.between(moment, at);
    }
  }
}
