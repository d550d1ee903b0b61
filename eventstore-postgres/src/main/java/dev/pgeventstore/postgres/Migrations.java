package dev.pgeventstore.postgres;

/** What building a store does about the database's schema. */
public enum Migrations {
  /**
   * Creates the schema if it is missing, and applies the migrations that are. The default. A schema
   * that was migrated by hand, with the scripts of {@code db/migration}, is adopted at the version
   * that it says it is, and goes on from there. A schema that holds something else, or was migrated
   * by other scripts, is refused.
   */
  APPLY,
  /**
   * Applies nothing, and refuses a schema that is missing, behind, or was migrated by other
   * scripts. It needs no more than a role of {@code db/roles.sql}. A schema of a newer version is
   * used as long as that serves this one, so a node that restarts during a rolling upgrade works.
   */
  VALIDATE,
  /**
   * Applies nothing and compares no scripts: the schema is kept by other means. One that says that
   * it does not serve this version of the library is refused all the same.
   */
  NONE
}
