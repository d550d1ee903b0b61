package dev.pgeventstore;

/**
 * A stored event has a type name that the codec does not know. The event itself is sound: {@link
 * RecordedEvent#encoded()} gives it as it is stored.
 */
public class UnknownEventTypeException extends UndecodableEventException {

  private static final long serialVersionUID = 1L;

  private final String type;

  /**
   * For one type name.
   *
   * @param type the unknown name
   * @param message what to do about it
   */
  public UnknownEventTypeException(String type, String message) {
    super(message);
    this.type = type;
  }

  /**
   * The type name that is not known.
   *
   * @return as stored
   */
  public String type() {
    return type;
  }
}
