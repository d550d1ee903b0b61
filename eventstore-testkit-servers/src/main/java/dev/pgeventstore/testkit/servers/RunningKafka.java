package dev.pgeventstore.testkit.servers;

import java.util.Map;

/** A broker that was started outside of the tests. */
final class RunningKafka extends KafkaBroker {

  private final String bootstrap;

  RunningKafka(String bootstrap) {
    this.bootstrap = bootstrap;
  }

  @Override
  public String bootstrap() {
    return bootstrap;
  }

  @Override
  public TcpProxy proxy() {
    throw notOurs();
  }

  @Override
  public String proxiedBootstrap() {
    throw notOurs();
  }

  @Override
  public Map<String, String> settingsOf(String user, String password) {
    throw notOurs();
  }

  @Override
  public boolean canBeKilled() {
    return false;
  }

  @Override
  public void killHard() {
    throw notOurs();
  }

  @Override
  public void pause() {
    throw notOurs();
  }

  @Override
  public void resume() {
    throw notOurs();
  }

  @Override
  public void restart() {
    throw notOurs();
  }

  private static UnsupportedOperationException notOurs() {
    return new UnsupportedOperationException(
        "the broker was running before, so it cannot be killed, paused, restarted or configured here");
  }

  @Override
  public void close() {
    // The broker was running before, so it keeps running.
  }
}
