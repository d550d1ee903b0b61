package dev.pgeventstore.postgres.internal.tables;

/** What PostgreSQL holds as text, and gives back as it was. */
public final class StorableText {

  private StorableText() {}

  /**
   * Whether a text has no NUL, which is refused, and no half of a surrogate pair, which is lost.
   */
  public static boolean is(String text) {
    return text.codePoints().noneMatch(c -> c == 0 || Character.getType(c) == Character.SURROGATE);
  }
}
