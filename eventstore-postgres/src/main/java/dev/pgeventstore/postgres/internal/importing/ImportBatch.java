package dev.pgeventstore.postgres.internal.importing;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.Contents;
import dev.pgeventstore.postgres.internal.encoding.EventEncoding.Encoded;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;

/**
 * Rows in the binary format of COPY, without their versions, which are known only when the stream
 * rows are locked. Reused for many batches, by one thread at a time.
 */
final class ImportBatch {

  /**
   * The limit of a batch in bytes, however many items it may have. It bounds the memory and the
   * size of a transaction.
   */
  private static final int MAX_BYTES = 16 * 1024 * 1024;

  private static final byte[] HEADER = {
    'P', 'G', 'C', 'O', 'P', 'Y', '\n', (byte) 0xff, '\r', '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0
  };
  private static final short COLUMNS = 8;
  private static final short END = -1;
  private static final int NULL = -1;

  /** The lengths of all columns, and the values of the columns with a fixed length. */
  private static final int FIXED_BYTES = 2 + COLUMNS * 4 + 8 + 16 + 4;

  private final int maxItems;
  private final int[] versionAt;
  private final int[] streamOf;
  private final Map<StreamId, Stream> streams = new HashMap<>();
  private final Map<String, byte[]> types = new HashMap<>();
  private Stream[] sorted = {};
  private Stream lastStream = new Stream(StreamId.of("none", "none"), 0);
  private ByteBuffer rows = ByteBuffer.allocate(64 * 1024);
  private int items;

  ImportBatch(int maxItems) {
    this.maxItems = maxItems;
    this.versionAt = new int[maxItems];
    this.streamOf = new int[maxItems];
    clear();
  }

  void clear() {
    streams.clear();
    items = 0;
    rows.clear();
    rows.put(HEADER);
  }

  boolean isFull() {
    return items == maxItems || rows.position() >= MAX_BYTES;
  }

  int items() {
    return items;
  }

  void add(StreamId id, Encoded event) {
    Stream stream = streams.get(id);
    if (stream == null) {
      stream = new Stream(id, streams.size());
      streams.put(id, stream);
    }
    lastStream = stream;
    stream.events++;
    byte[] type =
        types.computeIfAbsent(event.content().type(), t -> t.getBytes(StandardCharsets.UTF_8));
    byte[] data = Contents.json(event.content());
    byte[] metadata = event.metadata();
    makeRoom(
        FIXED_BYTES
            + stream.id.length
            + stream.categoryLength
            + type.length
            + data.length
            + (metadata == null ? 0 : metadata.length));
    rows.putShort(COLUMNS);
    rows.putInt(stream.id.length).put(stream.id);
    rows.putInt(stream.categoryLength).put(stream.id, 0, stream.categoryLength);
    rows.putInt(Long.BYTES);
    streamOf[items] = stream.number;
    versionAt[items++] = rows.position();
    rows.putLong(0);
    rows.putInt(2 * Long.BYTES);
    rows.putLong(event.id().getMostSignificantBits());
    rows.putLong(event.id().getLeastSignificantBits());
    rows.putInt(type.length).put(type);
    rows.putInt(Integer.BYTES).putInt(event.content().revision());
    rows.putInt(data.length).put(data);
    if (metadata == null) {
      rows.putInt(NULL);
    } else {
      rows.putInt(metadata.length).put(metadata);
    }
  }

  private void makeRoom(int bytes) {
    int needed = bytes + Short.BYTES; // for the trailer
    if (rows.remaining() < needed) {
      int capacity = Math.max(2 * rows.capacity(), rows.position() + needed);
      rows = ByteBuffer.allocate(capacity).put(rows.flip());
    }
  }

  /** Completes the batch, so that it can be written. Nothing may be added afterwards. */
  void seal() {
    rows.putShort(END);
    sorted = streams.values().toArray(Stream[]::new);
    Arrays.sort(sorted, Comparator.comparing(s -> s.id, Arrays::compareUnsigned));
  }

  /** The ids of the batch's streams, in byte order. */
  String[] streamIds() {
    return Arrays.stream(sorted).map(Stream::toString).toArray(String[]::new);
  }

  /** The number of events of each stream, in the same order. */
  long[] eventsByStream() {
    return Arrays.stream(sorted).mapToLong(s -> s.events).toArray();
  }

  /**
   * Fills in the versions of the rows.
   *
   * @param before the versions of the streams before this batch, in the same order
   */
  void giveVersions(long[] before) {
    long[] last = new long[sorted.length];
    for (int i = 0; i < sorted.length; i++) {
      last[sorted[i].number] = before[i];
    }
    for (int i = 0; i < items; i++) {
      rows.putLong(versionAt[i], ++last[streamOf[i]]);
    }
  }

  byte[] rows() {
    return rows.array();
  }

  int length() {
    return rows.position();
  }

  /** The version of the last row. */
  long lastVersion() {
    return rows.getLong(versionAt[items - 1]);
  }

  /** The stream of the last row. */
  String lastStream() {
    return lastStream.toString();
  }

  /** A stream of the batch, with the number of its events. */
  private static final class Stream {
    private final byte[] id;
    private final int categoryLength;
    private final int number;
    private int events;

    Stream(StreamId id, int number) {
      this.id = id.toString().getBytes(StandardCharsets.UTF_8);
      this.categoryLength = this.id.length - 1 - id.key().getBytes(StandardCharsets.UTF_8).length;
      this.number = number;
    }

    @Override
    public String toString() {
      return new String(id, StandardCharsets.UTF_8);
    }
  }
}
