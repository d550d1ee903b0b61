package dev.pgeventstore.examples.branches;

import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.examples.branches.SaleEvent.Sold;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.RelayedRecord;
import dev.pgeventstore.kafka.consumer.Watermarks;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** What each branch has sold, as the head office knows it from the topic. */
final class Turnover {

  private final RecordDecoder decoder =
      RecordDecoder.of(JacksonCodec.of(EventTypes.of(SaleEvent.class)));
  private final Watermarks marks = Watermarks.exact();
  private final Map<String, Long> cents = new TreeMap<>();

  /**
   * Counts a record, unless it was counted already.
   *
   * @throws dev.pgeventstore.kafka.consumer.GapException if one before it is missing
   */
  void add(ConsumerRecord<byte[], byte[]> record) {
    RelayedRecord relayed = decoder.decode(record).orElseThrow();
    // Each relay numbers what it sends to a partition, whatever another one sends there.
    if (marks.isNew(relayed)) {
      Sold sold = (Sold) relayed.event().payload();
      cents.merge(relayed.sequence().relay(), sold.cents(), Long::sum);
    }
  }

  Map<String, Long> cents() {
    return cents;
  }

  /** How many sequences were proved: of each relay one for each partition that it wrote to. */
  int sequences() {
    return marks.all().size();
  }
}
