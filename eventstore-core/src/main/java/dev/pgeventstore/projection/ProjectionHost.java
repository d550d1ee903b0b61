package dev.pgeventstore.projection;

/** A store that keeps projections. Stores implement it; applications have no need of it. */
public interface ProjectionHost {

  /**
   * The versions that there are.
   *
   * @return for many threads
   */
  ProjectionRegistry projections();
}
