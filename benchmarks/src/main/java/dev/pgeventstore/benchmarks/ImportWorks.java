package dev.pgeventstore.benchmarks;

import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.ImportProgress;
import dev.pgeventstore.postgres.ImportedEvent;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * Imports with 10,000 events in a batch. The limit is a binary COPY of the same rows, with as many
 * in each transaction. Its rows are prepared before, which is not measured.
 */
final class ImportWorks implements Works {

  private static final int BATCH = 10_000;
  private static final int EVENTS_PER_STREAM = 20;
  private static final int PIECE = 64 * 1024;
  private static final String CATEGORY = "parcel";
  private static final byte[] HEADER = {
    'P', 'G', 'C', 'O', 'P', 'Y', '\n', (byte) 0xff, '\r', '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0
  };
  private static final String COPY =
      """
      copy plain.events (stream_id, category, version, id, type, revision, data, metadata)
      from stdin (format binary)
      """;

  private final Stage stage;
  private final int events;
  private final JacksonCodec codec;
  private final AtomicLong ours = new AtomicLong();
  private final AtomicLong limit = new AtomicLong();

  ImportWorks(Stage stage, Options options) {
    this.stage = stage;
    this.events = options.events();
    this.codec = stage.codec();
  }

  @Override
  public List<Work> all() {
    return List.of(Work.of("import by COPY", this::ours, this::limit));
  }

  private Figures ours() throws Exception {
    long first = ours.getAndAdd(events);
    long started = System.nanoTime();
    ImportProgress end =
        stage
            .store()
            .importer()
            .batch(BATCH)
            .run(
                LongStream.range(first, first + events)
                    .mapToObj(n -> ImportedEvent.of(stream(n), Parcel.number(n))));
    long nanos = System.nanoTime() - started;
    if (end.items() != events) {
      throw new IllegalStateException("imported %d of %d".formatted(end.items(), events));
    }
    return Figures.perSecond("events", events, nanos);
  }

  private static StreamId stream(long number) {
    return StreamId.of(CATEGORY, Long.toString(number / EVENTS_PER_STREAM));
  }

  private Figures limit() throws Exception {
    long first = limit.getAndAdd(events);
    long nanos = 0;
    try (Connection connection = stage.open()) {
      connection.setAutoCommit(false);
      for (long at = first; at < first + events; at += BATCH) {
        byte[] rows = rows(at, Math.min(first + events, at + BATCH));
        long started = System.nanoTime();
        CopyIn copy = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(COPY);
        for (int i = 0; i < rows.length; i += PIECE) {
          copy.writeToCopy(rows, i, Math.min(PIECE, rows.length - i));
        }
        copy.endCopy();
        connection.commit();
        nanos += System.nanoTime() - started;
      }
      connection.setAutoCommit(true);
    }
    return Figures.perSecond("events", events, nanos);
  }

  private byte[] rows(long from, long to) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream out = new DataOutputStream(bytes);
    out.write(HEADER);
    for (long number = from; number < to; number++) {
      UUID id = UUID.randomUUID();
      out.writeShort(8);
      write(out, stream(number).toString());
      write(out, CATEGORY);
      out.writeInt(Long.BYTES);
      out.writeLong(number % EVENTS_PER_STREAM + 1);
      out.writeInt(2 * Long.BYTES);
      out.writeLong(id.getMostSignificantBits());
      out.writeLong(id.getLeastSignificantBits());
      write(out, codec.typeName(Parcel.class));
      out.writeInt(Integer.BYTES);
      out.writeInt(1);
      byte[] data = codec.encode(NewEvent.of(Parcel.number(number)), stream(number)).dataUtf8();
      out.writeInt(data.length);
      out.write(data);
      out.writeInt(-1);
    }
    out.writeShort(-1);
    return bytes.toByteArray();
  }

  private static void write(DataOutputStream out, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.writeInt(bytes.length);
    out.write(bytes);
  }
}
