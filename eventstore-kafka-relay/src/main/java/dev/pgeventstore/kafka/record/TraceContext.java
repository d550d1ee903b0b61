package dev.pgeventstore.kafka.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.RecordedEvent;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** What an event's metadata says of the trace that it came about in. */
final class TraceContext {

  private static final List<String> NAMES = List.of("traceparent", "tracestate");

  /** What both names begin with, as JSON. */
  private static final byte[] ANY = "\"trace".getBytes(UTF_8);

  private TraceContext() {}

  static List<Header> headers(RecordedEvent event) {
    byte[] json = event.metadataUtf8();
    // Decoding the metadata of every event would cost more than all the rest of its record.
    if (json == null || !contains(json, ANY)) {
      return List.of();
    }
    try {
      return headers(event.metadata());
    } catch (EventStoreException e) {
      // Metadata that somebody else wrote must not keep the event itself from arriving.
      return List.of();
    }
  }

  private static List<Header> headers(Metadata metadata) {
    List<Header> headers = new ArrayList<>(NAMES.size());
    for (String name : NAMES) {
      metadata
          .get(name)
          .ifPresent(text -> headers.add(new RecordHeader(name, text.getBytes(UTF_8))));
    }
    return headers;
  }

  private static boolean contains(byte[] text, byte[] wanted) {
    for (int start = 0; start <= text.length - wanted.length; start++) {
      int matching = 0;
      while (matching < wanted.length && text[start + matching] == wanted[matching]) {
        matching++;
      }
      if (matching == wanted.length) {
        return true;
      }
    }
    return false;
  }
}
