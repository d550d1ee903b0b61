package dev.pgeventstore.kafka.internal;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** The headers that a relay adds to its records, by name. */
public final class OwnHeaders {

  /** How all of them begin, but for those of dead letters. */
  public static final String OWN = "es_";

  /** The series that the record belongs to. */
  public static final String RELAY = "es_relay";

  public static final String LANE = "es_lane";
  public static final String POSITION = "es_position";
  public static final String INDEX = "es_index";

  /** The place of the record that was sent to the same partition before. */
  public static final String PREVIOUS = "es_prev";

  /** Of the event in its stream; not in messages and operators' records. */
  public static final String VERSION = "es_version";

  /** Of the event's type. */
  public static final String REVISION = "es_revision";

  /** Where the event stands in the store, if it was sent later than its place there says. */
  public static final String EVENT_POSITION = "es_event_position";

  /** In records of a mapper that may leave the event's id out: by it histories are compared. */
  public static final String EVENT_ID = "es_event_id";

  /** In records of messages. */
  public static final String MESSAGE_ID = "es_message_id";

  /** Under which token it was sent at least once. */
  public static final String TOKEN = "es_token";

  /** In dead letters: why it is one. */
  public static final String DEAD_LETTER = "dead_letter_reason";

  private OwnHeaders() {}

  /** A header with text. */
  public static Header of(String name, String text) {
    return new RecordHeader(name, text.getBytes(UTF_8));
  }
}
