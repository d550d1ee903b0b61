package dev.pgeventstore.examples.metrics;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.function.Supplier;

/** Serves figures on this machine, at {@code /metrics}. */
public final class MetricsServer implements AutoCloseable {

  private final HttpServer server;

  private MetricsServer(HttpServer server) {
    this.server = server;
  }

  /**
   * Starts a server.
   *
   * @param port on the loopback address; 0 takes a free one
   * @param text provides the response; called for each request, by one thread
   * @return the server; close it
   * @throws IOException if the port is taken
   */
  public static MetricsServer start(int port, Supplier<String> text) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.createContext("/metrics", exchange -> answer(exchange, text));
    server.start();
    return new MetricsServer(server);
  }

  private static void answer(HttpExchange exchange, Supplier<String> text) throws IOException {
    try (exchange) {
      if (!exchange.getRequestMethod().equals("GET")) {
        exchange.sendResponseHeaders(405, -1);
        return;
      }
      byte[] body = text.get().getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  /**
   * The address of the figures.
   *
   * @return the address to give to Prometheus
   */
  public URI address() {
    InetSocketAddress bound = server.getAddress();
    return URI.create(
        "http://%s:%d/metrics".formatted(bound.getAddress().getHostAddress(), bound.getPort()));
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
