package dev.pgeventstore.kafka.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.RecordedEvent;
import java.util.List;

/** CloudEvents in binary mode: one record for each event, whose value is the stored JSON. */
public final class CloudEvents implements RecordMapper {

  private final String source;

  private CloudEvents(String source) {
    this.source = source;
  }

  /**
   * CloudEvents of a source.
   *
   * @param uri a URI reference, sent as {@code ce_source}
   * @return the mapper
   */
  public static CloudEvents from(String uri) {
    return new CloudEvents(uri);
  }

  /**
   * The record of an event, for the relay's topic, with the stream's id as its key.
   *
   * @param event any
   * @return the record, to be changed if need be
   */
  public RelayRecord record(RecordedEvent event) {
    return RelayRecord.of(event.stream().toString().getBytes(UTF_8), event.encoded().dataUtf8())
        .header("ce_source", source);
  }

  @Override
  public List<RelayRecord> map(RecordedEvent event) {
    return List.of(record(event));
  }
}
