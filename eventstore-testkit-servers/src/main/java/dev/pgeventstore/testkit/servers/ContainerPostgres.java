package dev.pgeventstore.testkit.servers;

import java.util.Map;
import java.util.stream.Stream;
import org.testcontainers.postgresql.PostgreSQLContainer;
import org.testcontainers.utility.DockerImageName;

/**
 * A server in a container. This class is loaded only when a container is requested, because the
 * dependency is optional.
 */
final class ContainerPostgres extends PostgresServer {

  private final PostgreSQLContainer container;

  ContainerPostgres(Map<String, String> settings) {
    String image = System.getProperty("testcontainers.image", "postgres:18");
    container =
        new PostgreSQLContainer(DockerImageName.parse(image).asCompatibleSubstituteFor("postgres"));
    container.withCommand(
        Stream.concat(
                Stream.of(
                    "postgres", "-c", "max_connections=200", "-c", "max_prepared_transactions=20"),
                settings.entrySet().stream()
                    .flatMap(s -> Stream.of("-c", s.getKey() + '=' + s.getValue())))
            .toArray(String[]::new));
    container.start();
  }

  @Override
  public String url(String database) {
    return "jdbc:postgresql://%s:%d/%s?user=%s&password=%s"
        .formatted(
            container.getHost(),
            container.getMappedPort(PostgreSQLContainer.POSTGRESQL_PORT),
            database,
            container.getUsername(),
            container.getPassword());
  }

  @Override
  public boolean canBeKilled() {
    // The port of a container changes when it is restarted.
    return false;
  }

  @Override
  public void killHard() {
    throw new UnsupportedOperationException("a container is not killed and restarted in place");
  }

  @Override
  public void restart() {
    throw new UnsupportedOperationException("a container is not killed and restarted in place");
  }

  @Override
  public void close() {
    container.close();
  }
}
