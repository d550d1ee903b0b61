package dev.pgeventstore.kafka;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.TcpProxy;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The store of a relay that does not share the connections of those who append: what happens to its
 * own is of no consequence to them.
 */
final class SecondStore implements AutoCloseable {

  /** By which the server knows its connections. */
  static final String APPLICATION = "the-relay";

  private static final Pattern ADDRESS = Pattern.compile("//([^:/]+):(\\d+)/");

  private final HikariDataSource pool;
  final PostgresEventStore store;

  private SecondStore(String url) {
    pool = Bench.pool(url + "&ApplicationName=" + APPLICATION);
    store = Bench.store(pool);
  }

  static SecondStore of(Database database) {
    return new SecondStore(database.url());
  }

  /** Reaches the database through a proxy. */
  static SecondStore of(Database database, TcpProxy proxy) {
    return new SecondStore(
        ADDRESS.matcher(database.url()).replaceFirst("//127.0.0.1:" + proxy.port() + "/"));
  }

  /** A proxy in front of a database's server, which must be on this machine. */
  static TcpProxy proxy(Database database) {
    Matcher address = ADDRESS.matcher(database.url());
    if (!address.find()) {
      throw new IllegalArgumentException("a database without a port");
    }
    return TcpProxy.to(Integer.parseInt(address.group(2)));
  }

  @Override
  public void close() {
    store.close();
    pool.close();
  }
}
