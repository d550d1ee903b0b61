package dev.pgeventstore.testkit.servers;

/** A server that somebody else has started. */
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
        "the server was running before: it is not ours to kill");
  }

  @Override
  public void restart() {
    throw new UnsupportedOperationException(
        "the server was running before: it is not ours to restart");
  }

  @Override
  public void close() {
    // It was there before.
  }
}
