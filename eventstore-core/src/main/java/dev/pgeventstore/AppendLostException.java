package dev.pgeventstore;

/**
 * The server has lost an append that it had acknowledged: by a fail-over to a standby that had not
 * received it, by going back to a backup, or by a crash if it was committed asynchronously. Or the
 * append was made in a transaction of the caller, which was rolled back or, when the wait ended,
 * was not committed yet. Nothing of it is there, and its positions may be those of other events.
 * Load what it was decided on, decide again, and append again.
 */
public class AppendLostException extends HistoryChangedException {

  private static final long serialVersionUID = 1L;

  private final transient AppendResult append;

  /**
   * Names the append.
   *
   * @param append that is not there any more
   */
  public AppendLostException(AppendResult append) {
    super(
        "the server has lost the append at %s: it crashed, failed over or was restored, or its transaction was rolled back or has not committed, and there is no such event; decide again, and append again"
            .formatted(append));
    this.append = append;
  }

  /**
   * The append.
   *
   * @return as it was acknowledged
   */
  public AppendResult append() {
    return append;
  }
}
