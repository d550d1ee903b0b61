package dev.pgeventstore.testkit.servers;

/** A broker that somebody else has started. */
final class RunningBroker extends KafkaBroker {

  private final String bootstrap;

  RunningBroker(String bootstrap) {
    this.bootstrap = bootstrap;
  }

  @Override
  public String bootstrap() {
    return bootstrap;
  }

  @Override
  public boolean canBeKilled() {
    return false;
  }

  @Override
  public void killHard() {
    throw notOurs("kill");
  }

  @Override
  public void pause() {
    throw notOurs("pause");
  }

  @Override
  public void resume() {
    throw notOurs("resume");
  }

  @Override
  public void restart() {
    throw notOurs("restart");
  }

  private static UnsupportedOperationException notOurs(String what) {
    return new UnsupportedOperationException(
        "the broker was running before: it is not ours to " + what);
  }

  @Override
  public void close() {
    // It was there before.
  }
}
