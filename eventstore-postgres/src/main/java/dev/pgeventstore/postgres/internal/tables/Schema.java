package dev.pgeventstore.postgres.internal.tables;

import java.util.regex.Pattern;

/**
 * The schema of a store. Its name is the only text that is ever put into a statement, so it is
 * checked and quoted here and nowhere else.
 *
 * @param name lower-case letters, digits and underscores, at most 48 of them
 */
public record Schema(String name) {

  /** Short enough for the names that are derived from it: roles and the notification channel. */
  private static final Pattern ALLOWED = Pattern.compile("[a-z_][a-z0-9_]{0,47}");

  public Schema {
    if (!ALLOWED.matcher(name).matches() || name.startsWith("pg_")) {
      throw new IllegalArgumentException(
          "schema name '%s' is not allowed: use 1 to 48 lower-case letters, digits and underscores,"
                  .formatted(name)
              + " not starting with a digit or pg_");
    }
  }

  /** Replaces every {@code $schema} by the quoted name. */
  public String in(String sql) {
    return sql.replace("$schema", '"' + name + '"');
  }

  /** The notification channel on which commits are announced to other processes. */
  public String channel() {
    return name + "_appended";
  }
}
