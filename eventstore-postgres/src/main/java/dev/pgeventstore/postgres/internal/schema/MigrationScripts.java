package dev.pgeventstore.postgres.internal.schema;

import java.io.Reader;
import java.io.StringReader;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.flywaydb.core.api.ResourceProvider;
import org.flywaydb.core.api.resource.LoadableResource;
import org.jspecify.annotations.Nullable;

/**
 * The migrations that this version ships, by name. They are not searched for: if a directory cannot
 * be listed, as in a jar within a jar, it would seem that there is nothing to do, but a missing
 * script is an error.
 */
final class MigrationScripts implements ResourceProvider {

  /** In the order of their versions. A test compares them with the directory. */
  static final List<String> NAMES = List.of("V1__event_store.sql");

  private final List<MigrationScript> scripts;

  MigrationScripts(List<MigrationScript> scripts) {
    this.scripts = scripts;
  }

  /**
   * Loads all.
   *
   * @throws IllegalStateException if one is missing
   */
  static MigrationScripts load() {
    return new MigrationScripts(NAMES.stream().map(MigrationScript::load).toList());
  }

  List<MigrationScript> all() {
    return scripts;
  }

  /** The version that a schema has when all are applied. */
  int version() {
    return scripts.get(scripts.size() - 1).version();
  }

  @Override
  public @Nullable LoadableResource getResource(String name) {
    return scripts.stream()
        .filter(script -> script.fileName().equals(name))
        .map(Resource::new)
        .findFirst()
        .orElse(null);
  }

  @Override
  public Collection<LoadableResource> getResources(String prefix, String[] suffixes) {
    return scripts.stream()
        .filter(script -> script.fileName().startsWith(prefix))
        .filter(script -> Arrays.stream(suffixes).anyMatch(script.fileName()::endsWith))
        .<LoadableResource>map(Resource::new)
        .toList();
  }

  /** A script as Flyway wants it. */
  private static final class Resource extends LoadableResource {
    private final MigrationScript script;

    Resource(MigrationScript script) {
      this.script = script;
    }

    @Override
    public Reader read() {
      return new StringReader(script.text());
    }

    @Override
    public String getAbsolutePath() {
      return script.fileName();
    }

    @Override
    public String getAbsolutePathOnDisk() {
      return script.fileName();
    }

    @Override
    public String getFilename() {
      return script.fileName();
    }

    @Override
    public String getRelativePath() {
      return script.fileName();
    }
  }
}
