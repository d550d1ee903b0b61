package dev.pgeventstore.postgres.internal.importing;

import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;

/**
 * A hash of the items of a source, in their order: of their streams, and of their ids if the caller
 * chose them. Their contents do not count, because a newer version of the application that
 * continues an import may encode them differently.
 */
final class Fingerprint {

  private long value;

  void add(StreamId stream, NewEvent event) {
    // The hash of strings is used because it is specified: the fingerprint is stored and compared
    // by another process.
    mix(((long) stream.category().hashCode() << 32) ^ stream.key().hashCode());
    if (event.idSupplied()) {
      mix(event.id().getMostSignificantBits());
      mix(event.id().getLeastSignificantBits());
    }
  }

  private void mix(long part) {
    // The finishing step of MurmurHash3: every bit of the input changes half of the bits of the
    // output.
    long mixed = value * 31 + part;
    mixed = (mixed ^ (mixed >>> 33)) * 0xff51afd7ed558ccdL;
    mixed = (mixed ^ (mixed >>> 33)) * 0xc4ceb9fe1a85ec53L;
    value = mixed ^ (mixed >>> 33);
  }

  long value() {
    return value;
  }
}
