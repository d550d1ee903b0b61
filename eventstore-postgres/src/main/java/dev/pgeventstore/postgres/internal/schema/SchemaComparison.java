package dev.pgeventstore.postgres.internal.schema;

import dev.pgeventstore.postgres.internal.tables.SchemaCatalog.Version;
import dev.pgeventstore.postgres.internal.tables.SchemaHistoryTable;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Compares what a schema is with the scripts that this version ships. Each result is the part of a
 * message that follows the schema's name: what is wrong, and what to do.
 */
final class SchemaComparison {

  private static final String HOW_TO_MIGRATE =
      "migrate it first: build a store with Migrations.APPLY as its owner, or run db/migration";
  private static final String HOW_TO_GRANT =
      "run db/roles.sql as its owner, once more after each migration, and grant this role one of those";

  private final SchemaState state;
  private final MigrationScripts scripts;

  SchemaComparison(SchemaState state, MigrationScripts scripts) {
    this.state = state;
    this.scripts = scripts;
  }

  /** Why the migrations cannot be applied here; none if they can. */
  Optional<String> whyNotToApply() {
    if (state.isForeign()) {
      return Optional.of(foreign());
    }
    if (!saysItsVersion()) {
      return Optional.of("does not say its version to this role: " + HOW_TO_GRANT);
    }
    return tooNew().or(this::changed);
  }

  /** Why a store of this version cannot work here without a migration; none if it can. */
  Optional<String> whyNotToUse() {
    if (!state.sight().present()) {
      return Optional.of("does not exist: " + HOW_TO_MIGRATE);
    }
    if (state.isForeign()) {
      return Optional.of(foreign());
    }
    if (!state.sight().mayUse()) {
      return Optional.of("is not open to this role: " + HOW_TO_GRANT);
    }
    if (state.isEmpty()) {
      return Optional.of("is empty: " + HOW_TO_MIGRATE);
    }
    if (!saysItsVersion()) {
      return Optional.of("does not say its version to this role: " + HOW_TO_GRANT);
    }
    return whyNotServed().or(this::changed).or(this::notApplied);
  }

  /** Whether all scripts were applied, so that there is nothing left to do. */
  boolean isComplete() {
    return state.sight().hasHistory() && whyNotToUse().isEmpty();
  }

  /** Why the version of the schema is not compatible with this program; empty if it is. */
  Optional<String> whyNotServed() {
    return behind().or(this::tooNew);
  }

  private Optional<String> behind() {
    Version version = state.version();
    if (version == null || version.version() >= scripts.version()) {
      return Optional.empty();
    }
    return Optional.of(
        "is at version %d, and this library needs %d; not applied are %s: %s"
            .formatted(
                version.version(),
                scripts.version(),
                scripts.all().stream()
                    .filter(script -> script.version() > version.version())
                    .map(MigrationScript::fileName)
                    .collect(Collectors.joining(", ")),
                HOW_TO_MIGRATE));
  }

  private boolean saysItsVersion() {
    return (state.version() != null || !state.sight().hasVersion())
        && (state.sight().mayReadHistory() || !state.sight().hasHistory());
  }

  private String foreign() {
    return "holds %s, and no event store: give the store a schema of its own"
        .formatted(state.objects());
  }

  private Optional<String> tooNew() {
    Version version = state.version();
    if (version == null || version.servesFrom() <= scripts.version()) {
      return Optional.empty();
    }
    return Optional.of(
        "is at version %d, which serves programs from version %d on, and this library is of version %d: deploy a newer one"
            .formatted(version.version(), version.servesFrom(), scripts.version()));
  }

  /**
   * Differences between the applied scripts and those that this version ships, and gaps between
   * them.
   */
  private Optional<String> changed() {
    for (MigrationScript script : belowTheLastApplied()) {
      Optional<SchemaHistoryTable.Row> row = state.applied(script.version());
      if (row.isEmpty()) {
        return Optional.of(
            "lacks script %s, although later ones were applied: it was migrated by another build of this library"
                .formatted(script.fileName()));
      }
      if (!row.get().success()) {
        return Optional.of(
            "was left by script %s, which failed halfway: restore it from before"
                .formatted(script.fileName()));
      }
      Integer checksum = row.get().checksum();
      if (checksum != null && checksum != script.checksum()) {
        return Optional.of(
            ("was migrated by another %s than this library's (checksum %d in schema_history, here %d):"
                    + " use the library that migrated it, and never change a script that was applied")
                .formatted(script.fileName(), checksum, script.checksum()));
      }
    }
    return state.history().stream()
        .map(SchemaHistoryTable.Row::version)
        .filter(version -> version > state.adopted() && version < scripts.version())
        .filter(version -> scripts.all().stream().noneMatch(s -> s.version() == version))
        .findFirst()
        .map(
            version ->
                "was migrated by a script of version %d, which this library does not have: use the library that migrated it"
                    .formatted(version));
  }

  private List<MigrationScript> belowTheLastApplied() {
    return scripts.all().stream()
        .filter(script -> script.version() > state.adopted())
        .filter(script -> script.version() <= state.lastApplied())
        .toList();
  }

  private Optional<String> notApplied() {
    return scripts.all().stream()
        .filter(script -> state.sight().hasHistory() && script.version() > state.lastApplied())
        .findFirst()
        .map(
            script ->
                "has a history that ends before script %s, which was run by hand: migrate in one way only, or drop table schema_history"
                    .formatted(script.fileName()));
  }
}
