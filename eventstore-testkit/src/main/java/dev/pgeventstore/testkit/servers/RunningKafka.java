package dev.pgeventstore.testkit.servers;

/** A broker that somebody else has started. */
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
        "the broker was running before: it is not ours to kill, pause or restart");
  }

  @Override
  public void close() {
    // It was there before.
  }
}
