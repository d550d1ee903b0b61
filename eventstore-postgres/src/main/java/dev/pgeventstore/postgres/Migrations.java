package dev.pgeventstore.postgres;

/** What building a store does about the database's schema. */
public enum Migrations {
  /** Creates the schema if it is missing, and applies the migrations that are. The default. */
  APPLY,
  /** Applies nothing, and refuses a schema that is not at this version. */
  VALIDATE,
  /** Neither applies nor looks: somebody else keeps the schema. */
  NONE
}
