package dev.pgeventstore.benchmarks;

import java.util.List;

/** Works of one kind, which share what they need. */
interface Works extends AutoCloseable {

  /** The works, which can be measured once they are prepared. */
  List<Work> all();

  /** Fills tables and starts processes. Called once, and only if some of the works are chosen. */
  default void prepare() throws Exception {}

  /** Stops everything that was started. */
  @Override
  default void close() throws Exception {}
}
