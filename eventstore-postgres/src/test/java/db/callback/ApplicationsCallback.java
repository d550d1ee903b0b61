package db.callback;

import java.util.concurrent.atomic.AtomicInteger;
import org.flywaydb.core.api.callback.Callback;
import org.flywaydb.core.api.callback.Context;
import org.flywaydb.core.api.callback.Event;

/** What an application's own Flyway finds by itself, in the package where it looks. */
public final class ApplicationsCallback implements Callback {

  /** How often it was run. */
  public static final AtomicInteger RUNS = new AtomicInteger();

  @Override
  public boolean supports(Event event, Context context) {
    return true;
  }

  @Override
  public boolean canHandleInTransaction(Event event, Context context) {
    return true;
  }

  @Override
  public void handle(Event event, Context context) {
    RUNS.incrementAndGet();
  }

  @Override
  public String getCallbackName() {
    return "of the application";
  }
}
