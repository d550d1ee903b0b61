package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.internal.Causes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Notified of commits. Its exceptions are logged, and do not affect what is committed. */
public final class CommitListener {

  private static final Logger LOG = LoggerFactory.getLogger(CommitListener.class);

  private final Runnable listener;

  public CommitListener(Runnable listener) {
    this.listener = listener;
  }

  /** Something was written and committed. */
  public void committed() {
    try {
      listener.run();
    } catch (RuntimeException | Error e) {
      LOG.error(
          "Readers were not notified of a commit, and find it when they poll", Causes.loggable(e));
    }
  }
}
