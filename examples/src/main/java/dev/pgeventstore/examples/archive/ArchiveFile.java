package dev.pgeventstore.examples.archive;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.pgeventstore.EventPage;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.topics.Topic;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.RelayedRecord;
import dev.pgeventstore.kafka.consumer.Watermarks;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.kafka.common.TopicPartition;

/**
 * A closed range of the global order in a file: one line of JSON for each event, oldest first.
 *
 * @param path the path of the file
 */
record ArchiveFile(Path path) {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int PAGE = 500;

  /**
   * Copies the events up to a position from a topic. A relay must have published them all. Fails if
   * one of them is no longer in the topic.
   *
   * @return where the topic continues
   * @throws dev.pgeventstore.kafka.consumer.GapException if a record is missing
   */
  Copied copy(Topic topic, RecordDecoder decoder, Position upTo) throws IOException {
    Watermarks read = Watermarks.exact();
    Copied copied = new Copied(Watermarks.exact(), new HashMap<>());
    // The records of different partitions have no order, so the events are sorted here. A range
    // that does not fit into memory would be sorted in parts.
    SortedMap<Position, String> lines = new TreeMap<>();
    topic.readAll(
        record -> {
          RelayedRecord relayed = decoder.decode(record).orElseThrow();
          RecordedEvent event = relayed.event();
          if (read.isNew(relayed) && !event.position().isAfter(upTo)) {
            lines.put(event.position(), line(event));
            copied.marks().moveTo(relayed.sequence(), relayed.place());
            copied.ends().put(partition(relayed), relayed.offset() + 1);
          }
        });
    Files.write(path, lines.values());
    return copied;
  }

  private static TopicPartition partition(RelayedRecord record) {
    return new TopicPartition(record.sequence().topic(), record.sequence().partition());
  }

  /**
   * Where the topic continues after the copied records.
   *
   * @param marks the last copied place in each sequence
   * @param ends the offset of the first record in each partition that was not copied
   */
  record Copied(Watermarks marks, Map<TopicPartition, Long> ends) {}

  /**
   * Compares the file with the store, line by line.
   *
   * @return the number of events in both
   * @throws IllegalStateException at the first difference
   */
  long verify(EventStore store, Position upTo) throws IOException {
    long same = 0;
    try (BufferedReader file = Files.newBufferedReader(path)) {
      Position at = Position.START;
      while (upTo.isAfter(at)) {
        EventPage page = store.readPage(at, PAGE);
        for (RecordedEvent event : page.events()) {
          if (!event.position().isAfter(upTo)) {
            String line = file.readLine();
            if (!line(event).equals(line)) {
              throw new IllegalStateException(
                  "the archive has %s, the store %s".formatted(line, line(event)));
            }
            same++;
          }
        }
        at = page.upTo();
      }
      if (file.readLine() != null) {
        throw new IllegalStateException("the archive has events that the store does not have");
      }
    }
    return same;
  }

  /**
   * The line has every property of an event, so an event gives the same line whether it was read
   * from the topic or from the store.
   */
  private static String line(RecordedEvent event) {
    StringWriter line = new StringWriter();
    try (JsonGenerator json = JSON.createGenerator(line)) {
      json.writeStartObject();
      json.writeNumberField("position", event.position().value());
      json.writeStringField("stream", event.stream().toString());
      json.writeNumberField("version", event.version());
      json.writeStringField("id", event.id().toString());
      json.writeStringField("time", event.recordedAt().toString());
      json.writeStringField("type", event.type());
      json.writeNumberField("revision", event.encoded().revision());
      json.writeFieldName("data");
      json.writeRawValue(new String(event.encoded().dataUtf8(), StandardCharsets.UTF_8));
      json.writeEndObject();
    } catch (IOException e) {
      throw new IllegalStateException("a write to memory failed", e);
    }
    return line.toString();
  }
}
