package dev.pgeventstore.kafka.internal.verify;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.kafka.internal.OwnHeaders;
import dev.pgeventstore.kafka.internal.history.SentRecord;
import dev.pgeventstore.kafka.internal.position.RecordPlace;
import dev.pgeventstore.kafka.internal.topics.Partitioner;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.kafka.record.RelayRecord;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;

/**
 * A record as the store says it should be.
 *
 * @param event it is made from
 * @param index among those of the event
 * @param topic where it should be
 * @param content key, value and headers
 */
public record ExpectedRecord(RecordedEvent event, int index, String topic, RelayRecord content) {

  public static List<ExpectedRecord> of(
      RecordedEvent event, RecordMapper mapper, String relayTopic) {
    List<RelayRecord> contents = mapper.map(event);
    List<ExpectedRecord> expected = new ArrayList<>(contents.size());
    for (int index = 0; index < contents.size(); index++) {
      RelayRecord content = contents.get(index);
      expected.add(new ExpectedRecord(event, index, content.topic().orElse(relayTopic), content));
    }
    return expected;
  }

  public RecordPlace place() {
    return new RecordPlace(event.position(), index);
  }

  public int partition(int partitions) {
    byte[] key = content.key();
    return new Partitioner(partitions)
        .partition(key == null ? event.stream().toString().getBytes(UTF_8) : key);
  }

  /** What a record has otherwise; empty if nothing. */
  public List<String> differences(SentRecord sent) {
    List<String> found = new ArrayList<>();
    if (!Arrays.equals(content.key(), sent.raw().key())) {
      found.add("key");
    }
    if (!Arrays.equals(content.value(), sent.raw().value())) {
      found.add("value");
    }
    // Where the broker gives the time, what was sent with the record is gone.
    if (sent.raw().timestampType() == TimestampType.CREATE_TIME
        && content
            .timestamp()
            .filter(time -> time.toEpochMilli() != sent.raw().timestamp())
            .isPresent()) {
      found.add("time");
    }
    List<Header> headers = new ArrayList<>();
    for (Header header : sent.raw().headers()) {
      if (!header.key().startsWith(OwnHeaders.OWN)) {
        headers.add(header);
      }
    }
    if (!content.headers().equals(headers)) {
      found.add("headers " + names(headers));
    }
    if (!Long.toString(event.version()).equals(sent.text(OwnHeaders.VERSION))) {
      found.add(OwnHeaders.VERSION);
    }
    if (!Integer.toString(event.encoded().revision()).equals(sent.text(OwnHeaders.REVISION))) {
      found.add(OwnHeaders.REVISION);
    }
    return found;
  }

  /** The names of those that are not alike. */
  private List<String> names(List<Header> headers) {
    List<String> names = new ArrayList<>();
    for (Header header : headers) {
      if (!content.headers().contains(header)) {
        names.add(header.key());
      }
    }
    for (Header header : content.headers()) {
      if (!headers.contains(header) && !names.contains(header.key())) {
        names.add(header.key());
      }
    }
    return names;
  }
}
