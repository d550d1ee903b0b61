package dev.pgeventstore.codec;

/** A class and how its events are stored. For authors of codecs. */
public final class RegisteredType {

  private final Class<?> payloadClass;
  private final String name;
  private final int revision;

  RegisteredType(Class<?> payloadClass, String name, int revision) {
    this.payloadClass = payloadClass;
    this.name = name;
    this.revision = revision;
  }

  /**
   * The class of the domain objects.
   *
   * @return a concrete one
   */
  public Class<?> payloadClass() {
    return payloadClass;
  }

  /**
   * The name in the store.
   *
   * @return permanent
   */
  public String name() {
    return name;
  }

  /**
   * The revision of the shape that the class has now.
   *
   * @return 1 or more
   */
  public int revision() {
    return revision;
  }

  @Override
  public String toString() {
    return "%s revision %d (%s)".formatted(name, revision, payloadClass.getName());
  }
}
