package dev.pgeventstore.kafka.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import java.util.List;

/**
 * Says what is published of an event: nothing, if it is internal to the application, or one record,
 * or several, to the relay's topic or others.
 *
 * <p>It must say the same of the same event whenever it is asked: after a failure it is asked
 * again. It is called by one thread at a time for each lane of a relay, and by several for a relay
 * of several lanes. What it throws is dealt with as the relay's {@link
 * dev.pgeventstore.kafka.PoisonPolicy} says. An interrupt that it leaves behind in a lane's thread
 * is cleared and changes nothing.
 */
@FunctionalInterface
public interface RecordMapper {

  /**
   * The records of an event.
   *
   * @param event any event that the relay's query wants
   * @return in the order in which they are to be sent; empty to publish nothing of it
   */
  List<RelayRecord> map(RecordedEvent event);

  /**
   * The record that tells that a stream is gone: for {@link
   * dev.pgeventstore.kafka.RelayOperations#publishTombstone}. Without this it has the stream's id
   * as its key and goes to the relay's topic. A mapper that gives records of a stream another key
   * or topic says so here as well, or the record deletes nothing.
   *
   * @param stream any
   * @return a record without a value
   */
  default RelayRecord tombstone(StreamId stream) {
    return RelayRecord.of(stream.toString().getBytes(UTF_8), null);
  }

  /**
   * The mapper's name, by which a relay recognises that it is another one: its notes say which one
   * made the records so far. The default is the name of the class; of a lambda or an anonymous
   * class, that of the class in which it stands.
   *
   * @return the same in all processes, as long as the mapper makes the same of the same event
   */
  default String name() {
    Class<?> type = getClass();
    String name = type.getName();
    int lambda = name.indexOf("$$Lambda");
    if (lambda >= 0) {
      return "a lambda in " + name.substring(0, lambda);
    }
    Class<?> enclosing = type.isAnonymousClass() ? type.getEnclosingClass() : null;
    return enclosing == null ? name : "an anonymous class in " + enclosing.getName();
  }
}
