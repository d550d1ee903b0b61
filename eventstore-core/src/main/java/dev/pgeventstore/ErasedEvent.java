package dev.pgeventstore;

/**
 * The payload of every event whose content was erased. There is one instance, and no codec knows
 * it: it is read and never appended.
 */
public final class ErasedEvent {

  /** The type name that erased events are stored under. */
  public static final String TYPE = "$erased";

  private static final ErasedEvent INSTANCE = new ErasedEvent();

  private ErasedEvent() {}

  /**
   * What is left of an erased event's content.
   *
   * @return always the same
   */
  public static ErasedEvent instance() {
    return INSTANCE;
  }

  @Override
  public String toString() {
    return "erased";
  }
}
