package dev.pgeventstore.subscription;

import dev.pgeventstore.StreamId;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;

/** Which partition of a subscription a stream belongs to. */
public final class Partitions {

  private Partitions() {}

  /**
   * The partition of a stream: CRC-32C of its id in UTF-8, modulo the number of partitions. All
   * events of a stream are in one partition, so their order is kept.
   *
   * @param stream any
   * @param partitions 1 or more
   * @return 0 to {@code partitions - 1}
   */
  public static int of(StreamId stream, int partitions) {
    if (partitions == 1) {
      return 0;
    }
    CRC32C checksum = new CRC32C();
    checksum.update(stream.toString().getBytes(StandardCharsets.UTF_8));
    return (int) (checksum.getValue() % partitions);
  }
}
