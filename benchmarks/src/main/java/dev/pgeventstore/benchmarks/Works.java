package dev.pgeventstore.benchmarks;

import java.util.List;

/** Works of one kind, which share what they need. */
interface Works extends AutoCloseable {

  /** What can be measured, once it is prepared. */
  List<Work> all();

  /** Fills tables and starts processes. Called once, and only if some of the works are chosen. */
  default void prepare() throws Exception {}

  /** Ends what was started. */
  @Override
  default void close() throws Exception {}
}
