package dev.pgeventstore.testkit.servers;

/** A server that was started outside of the tests. */
final class RunningPostgres extends PostgresServer {

  private final String url;

  RunningPostgres(String url) {
    if (!url.startsWith("jdbc:postgresql://")) {
      throw new IllegalArgumentException(
          "pg.url is the JDBC address of a PostgreSQL server, jdbc:postgresql://…, not " + url);
    }
    this.url = url;
  }

  @Override
  public String url(String database) {
    return url.replaceFirst("^(jdbc:postgresql://[^/]+/)[^?]*", "$1" + database);
  }

  @Override
  public boolean canBeKilled() {
    return false;
  }

  @Override
  public void killHard() {
    throw new UnsupportedOperationException(
        "the server was running before, so it cannot be killed here");
  }

  @Override
  public void restart() {
    throw new UnsupportedOperationException(
        "the server was running before, so it cannot be restarted here");
  }

  @Override
  public void close() {
    // The server was running before, so it keeps running.
  }
}
