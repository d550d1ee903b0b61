package dev.pgeventstore;

import java.util.Iterator;
import java.util.List;
import java.util.Spliterator;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Events that are read some at a time, when the next one is needed. For one thread. */
abstract class LazyEvents implements Spliterator<RecordedEvent> {

  /** Few enough to fit into any heap, and enough to make the round trips cheap. */
  static final int AT_A_TIME = 500;

  private Iterator<RecordedEvent> read = List.<RecordedEvent>of().iterator();

  /**
   * Reads some more.
   *
   * @return in order, perhaps none of them; null at the end
   */
  abstract @Nullable List<RecordedEvent> readOn();

  @Override
  public boolean tryAdvance(Consumer<? super RecordedEvent> action) {
    while (!read.hasNext()) {
      List<RecordedEvent> next = readOn();
      if (next == null) {
        return false;
      }
      read = next.iterator();
    }
    action.accept(read.next());
    return true;
  }

  /** Not split: a part that is processed elsewhere would let this one read ahead without bound. */
  @Override
  public @Nullable Spliterator<RecordedEvent> trySplit() {
    return null;
  }

  @Override
  public long estimateSize() {
    return Long.MAX_VALUE;
  }

  @Override
  public int characteristics() {
    return ORDERED | DISTINCT | NONNULL | IMMUTABLE;
  }
}
