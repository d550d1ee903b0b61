package dev.pgeventstore.postgres.internal.tables;

/** Text that PostgreSQL stores and returns unchanged. */
public final class StorableText {

  private StorableText() {}

  /**
   * Whether a text has no NUL, which PostgreSQL refuses, and no unpaired surrogate, which would be
   * lost.
   */
  public static boolean is(String text) {
    return text.codePoints().noneMatch(c -> c == 0 || Character.getType(c) == Character.SURROGATE);
  }
}
