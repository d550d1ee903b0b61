package dev.pgeventstore.postgres.internal.importing;

import dev.pgeventstore.NewEvent;
import dev.pgeventstore.StreamId;

/**
 * Over the items of a source, in their order: by streams, and by ids where they are the caller's.
 * Not by contents, which may be encoded differently by the version of the application that
 * continues an import.
 */
final class Fingerprint {

  private long value;

  void add(StreamId stream, NewEvent event) {
    // Of strings, since their hash is specified: it is stored, and compared by another process.
    mix(((long) stream.category().hashCode() << 32) ^ stream.key().hashCode());
    if (event.idSupplied()) {
      mix(event.id().getMostSignificantBits());
      mix(event.id().getLeastSignificantBits());
    }
  }

  private void mix(long part) {
    // The finishing step of MurmurHash3: every bit of both changes half the bits of the outcome.
    long mixed = value * 31 + part;
    mixed = (mixed ^ (mixed >>> 33)) * 0xff51afd7ed558ccdL;
    mixed = (mixed ^ (mixed >>> 33)) * 0xc4ceb9fe1a85ec53L;
    value = mixed ^ (mixed >>> 33);
  }

  long value() {
    return value;
  }
}
