package dev.pgeventstore.spring;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.LoggerFactory;

/** What a class logs in the thread of the test: other tests run at the same time. */
public final class Logged extends AppenderBase<ILoggingEvent> implements AutoCloseable {

  private final Logger logger;
  private final Thread mine = Thread.currentThread();
  private final List<String> messages = new CopyOnWriteArrayList<>();

  private Logged(Logger logger) {
    this.logger = logger;
  }

  /** Begins to listen. */
  public static Logged by(String name) {
    Logged logged = new Logged((Logger) LoggerFactory.getLogger(name));
    logged.setContext(logged.logger.getLoggerContext());
    logged.start();
    logged.logger.addAppender(logged);
    return logged;
  }

  @Override
  protected void append(ILoggingEvent event) {
    if (Thread.currentThread() == mine) {
      messages.add(event.getFormattedMessage());
    }
  }

  /** What was logged. */
  public List<String> messages() {
    return messages;
  }

  @Override
  public void close() {
    logger.detachAppender(this);
    stop();
  }
}
