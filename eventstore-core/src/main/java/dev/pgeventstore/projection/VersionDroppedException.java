package dev.pgeventstore.projection;

import java.time.Instant;
import java.util.Optional;

/**
 * A version of a projection is not created again: it was dropped, or it is older than one that
 * readers have seen. The node that reports this runs an old program. To build another version, give
 * it a new number.
 */
public class VersionDroppedException extends IllegalStateException {

  private static final long serialVersionUID = 1L;

  private final transient ProjectionVersion version;
  private final transient Optional<Instant> droppedAt;

  /**
   * Names the version.
   *
   * @param version that was to be started
   * @param droppedAt when it was dropped; empty if it is not known to have been, but older than one
   *     that readers have seen
   */
  public VersionDroppedException(ProjectionVersion version, Optional<Instant> droppedAt) {
    super(
        "%s is not created again: %s; to build another version, give it a new number"
            .formatted(
                version,
                droppedAt
                    .map(at -> "it was dropped at " + at)
                    .orElse("readers have seen a newer one, and it does not exist any more")));
    this.version = version;
    this.droppedAt = droppedAt;
  }

  /**
   * The version.
   *
   * @return as it was to be started
   */
  public ProjectionVersion version() {
    return version;
  }

  /**
   * When it was dropped.
   *
   * @return empty if that is not known
   */
  public Optional<Instant> droppedAt() {
    return droppedAt;
  }
}
