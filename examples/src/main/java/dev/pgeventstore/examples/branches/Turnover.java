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

/** The turnover of each branch, which the head office computes from the topic. */
final class Turnover {

  private final RecordDecoder decoder =
      RecordDecoder.of(JacksonCodec.of(EventTypes.of(SaleEvent.class)));
  private final Watermarks marks = Watermarks.exact();
  private final Map<String, Long> cents = new TreeMap<>();

  /**
   * Counts a record, unless it was already counted.
   *
   * @throws dev.pgeventstore.kafka.consumer.GapException if a record before it is missing
   */
  void add(ConsumerRecord<byte[], byte[]> record) {
    RelayedRecord relayed = decoder.decode(record).orElseThrow();
    // Each relay numbers its records in a partition, independently of other relays.
    if (marks.isNew(relayed)) {
      Sold sold = (Sold) relayed.event().payload();
      cents.merge(relayed.sequence().relay(), sold.cents(), Long::sum);
    }
  }

  Map<String, Long> cents() {
    return cents;
  }

  /** The number of verified sequences: one for each relay and partition. */
  int sequences() {
    return marks.all().size();
  }
}
