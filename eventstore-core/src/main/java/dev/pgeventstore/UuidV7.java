package dev.pgeventstore;

import java.security.SecureRandom;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Time-ordered UUIDs after RFC 9562, section 5.7. The twelve bits behind the milliseconds are a
 * counter (section 6.2, method 1, seeded at 0 and running over into the milliseconds), so the ids
 * of one JVM increase even within a millisecond.
 */
final class UuidV7 {

  private static final SecureRandom RANDOM = new SecureRandom();

  /** Milliseconds since 1970 in the upper 52 bits, the counter in the lower 12. */
  private static final AtomicLong LAST = new AtomicLong();

  /** Drawing from the secure random generator costs more than all the rest, so draw in bulk. */
  private static final ThreadLocal<RandomLongs> RANDOM_LONGS =
      ThreadLocal.withInitial(RandomLongs::new);

  private UuidV7() {}

  static UUID next() {
    long now = System.currentTimeMillis() << 12;
    long tick = LAST.updateAndGet(last -> Math.max(last + 1, now));
    long upper = ((tick >>> 12) << 16) | 0x7000 | (tick & 0xfff);
    long lower = (RANDOM_LONGS.get().next() & 0x3fff_ffff_ffff_ffffL) | 0x8000_0000_0000_0000L;
    return new UUID(upper, lower);
  }

  private static final class RandomLongs {
    private final byte[] bytes = new byte[512];
    private int used = bytes.length;

    long next() {
      if (used == bytes.length) {
        RANDOM.nextBytes(bytes);
        used = 0;
      }
      long value = 0;
      for (int i = 0; i < Long.BYTES; i++) {
        value = (value << 8) | (bytes[used++] & 0xff);
      }
      return value;
    }
  }
}
