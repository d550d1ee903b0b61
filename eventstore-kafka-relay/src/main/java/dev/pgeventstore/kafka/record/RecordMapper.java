package dev.pgeventstore.kafka.record;

import dev.pgeventstore.RecordedEvent;
import java.util.List;

/**
 * Says what is published of an event: nothing, for what is nobody else's business, or one record,
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
}
