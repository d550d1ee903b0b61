package dev.pgeventstore;

/**
 * The server, or its incarnation, is not the one that was read from before: it crashed, restarted
 * or was replaced. It may have lost commits that were visible, and hand their positions out again,
 * so whatever was remembered of the old order must be loaded afresh.
 */
public class HistoryChangedException extends EventStoreException {

  private static final long serialVersionUID = 1L;

  /**
   * With an explanation.
   *
   * @param message what changed
   */
  public HistoryChangedException(String message) {
    super(message);
  }
}
