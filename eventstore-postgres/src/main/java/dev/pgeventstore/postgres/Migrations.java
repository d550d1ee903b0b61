package dev.pgeventstore.postgres;

/** What building a store does about the database's schema. */
public enum Migrations {
  /**
   * Creates the schema if it is missing, and applies the migrations that are. The default. A schema
   * that was migrated by hand, with the scripts of {@code db/migration}, is adopted at its version,
   * and is migrated from there. A schema that contains something else, or was migrated by other
   * scripts, is refused and left as it is.
   */
  APPLY,
  /**
   * Applies nothing, and refuses a schema that is missing, too old, or was migrated by other
   * scripts. It needs no more than a role of {@code db/roles.sql}. A schema of a newer version is
   * used as long as it is compatible with this one, so a node that restarts during a rolling
   * upgrade works.
   */
  VALIDATE,
  /**
   * Applies nothing and compares no scripts: the schema is kept by other means. A schema that is
   * not compatible with this version of the library is still refused.
   */
  NONE
}
