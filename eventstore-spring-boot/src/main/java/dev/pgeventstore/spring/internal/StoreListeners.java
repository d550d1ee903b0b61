package dev.pgeventstore.spring.internal;

import dev.pgeventstore.StoreListener;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Several listeners as one. What one of them throws does not keep the others from being called. */
record StoreListeners(List<StoreListener> all) implements StoreListener {

  private static final Logger LOG = LoggerFactory.getLogger(StoreListeners.class);

  @Override
  public void committed(Committed append) {
    each(listener -> listener.committed(append));
  }

  @Override
  public void written(Written append) {
    each(listener -> listener.written(append));
  }

  @Override
  public void conflicted(Conflicted append) {
    each(listener -> listener.conflicted(append));
  }

  @Override
  public void failed(Failed append) {
    each(listener -> listener.failed(append));
  }

  @Override
  public void sent(Batch batch) {
    each(listener -> listener.sent(batch));
  }

  private void each(Consumer<StoreListener> call) {
    for (StoreListener listener : all) {
      try {
        call.accept(listener);
      } catch (RuntimeException e) {
        LOG.warn("A listener of the store has failed", e);
      }
    }
  }
}
