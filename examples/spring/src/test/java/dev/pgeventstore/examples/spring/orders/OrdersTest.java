package dev.pgeventstore.examples.spring.orders;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.EventStore;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.spring.test.OnPostgres;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.jdbc.core.simple.JdbcClient;

// tag::test[]
/** The whole application, on a real PostgreSQL. */
@SpringBootTest(webEnvironment = WebEnvironment.RANDOM_PORT)
@OnPostgres
class OrdersTest {
  // end::test[]

  private final HttpClient http = HttpClient.newHttpClient();

  @Autowired EventStore store;
  @Autowired JdbcClient jdbc;
  @LocalServerPort int port;

  private HttpResponse<String> send(String method, String path, String body) throws Exception {
    return http.send(
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:%d%s".formatted(port, path)))
            .header("Content-Type", "application/json")
            .method(method, HttpRequest.BodyPublishers.ofString(body))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private static String order(String customer) {
    return "{\"customer\": \"%s\", \"item\": \"book\"}".formatted(customer);
  }

  @Test
  void an_order_is_open_from_its_placing_to_its_shipment() throws Exception {
    assertThat(send("PUT", "/orders/1", order("ann")).statusCode()).isEqualTo(201);
    assertThat(send("GET", "/orders/open", "").body()).contains("{\"id\":\"1\",\"item\":\"book\"}");

    assertThat(send("POST", "/orders/1/shipment", "").statusCode()).isEqualTo(204);
    assertThat(send("GET", "/orders/open", "").body()).doesNotContain("\"id\":\"1\"");
    assertThat(store.read(StreamId.of("order", "1"))).hasSize(2);
  }

  @Test
  void a_command_that_is_refused_leaves_no_row_behind() throws Exception {
    assertThat(send("PUT", "/orders/2", order("ben")).statusCode()).isEqualTo(201);
    assertThat(send("PUT", "/orders/2", order("cleo")).statusCode()).isEqualTo(409);

    assertThat(
            jdbc.sql("select name from customers where name in ('ben', 'cleo')")
                .query(String.class)
                .list())
        .containsExactly("ben");
    assertThat(store.read(StreamId.of("order", "2"))).hasSize(1);
  }

  @Test
  void the_health_names_the_subscription() throws Exception {
    HttpResponse<String> health = send("GET", "/actuator/health", "");

    assertThat(health.body())
        .contains("eventStore")
        .contains("openOrders")
        .contains("\"parked\":0");
    assertThat(health.statusCode()).isEqualTo(200);
  }

  @Test
  void the_endpoint_reads_and_changes_nothing_unless_it_may() throws Exception {
    assertThat(send("GET", "/actuator/eventstore", "").body()).contains("openOrders");
    assertThat(send("GET", "/actuator/eventstore/openOrders", "").body()).contains("\"count\":0");
    assertThat(send("POST", "/actuator/eventstore/openOrders", "{}").statusCode()).isEqualTo(405);
  }
}
