package dev.pgeventstore.projection;

import java.util.regex.Pattern;

/**
 * A version of a projection.
 *
 * @param name of the projection: 1 to 48 lower-case letters, digits and underscores, not starting
 *     with a digit
 * @param version 1 or more
 */
public record ProjectionVersion(String name, int version) {

  // It becomes part of a table's name, which PostgreSQL would cut after 63 bytes.
  private static final Pattern NAME = Pattern.compile("[a-z_][a-z0-9_]{0,47}");

  /**
   * Checks both.
   *
   * @param name of the projection
   * @param version of it
   * @throws IllegalArgumentException if one is not allowed
   */
  public ProjectionVersion {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "a projection's name has 1 to 48 lower-case letters, digits and underscores, and no digit"
              + " in front, unlike '%s'".formatted(name));
    }
    if (version < 1) {
      throw new IllegalArgumentException("the first version is 1, not " + version);
    }
  }

  /**
   * The name of its table.
   *
   * @return such as {@code visits_v2}; needs no quotes in SQL
   */
  public String table() {
    return name + "_v" + version;
  }

  /**
   * The name of the subscription that keeps it.
   *
   * @return such as {@code visits/2}
   */
  public String subscription() {
    return name + "/" + version;
  }

  @Override
  public String toString() {
    return "version %d of projection %s".formatted(version, name);
  }
}
