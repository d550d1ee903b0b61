package dev.pgeventstore.internal;

import dev.pgeventstore.EncodedEvent;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Makes and opens contents of events without checks and copies, on internal paths where the name
 * was checked before and no code changes the array. {@link EncodedEvent} alone knows how.
 */
public abstract class Contents {

  private static @Nullable Contents given;

  /** For {@link EncodedEvent}. */
  protected Contents() {}

  /** Called by {@link EncodedEvent} when its class is initialised. */
  public static void give(Contents how) {
    given = how;
  }

  /** Content of a type and revision that were checked before; the array is taken over as it is. */
  public static EncodedEvent of(String type, int revision, byte[] json) {
    return Held.HOW.wrapped(type, revision, json);
  }

  /** The JSON in UTF-8: the array itself, so read it and do not change it. */
  public static byte[] json(EncodedEvent content) {
    return Held.HOW.opened(content);
  }

  protected abstract EncodedEvent wrapped(String type, int revision, byte[] json);

  protected abstract byte[] opened(EncodedEvent content);

  private static final class Held {

    static final Contents HOW;

    static {
      // Initialises the class, if nothing has before.
      EncodedEvent unused = EncodedEvent.of("-", 1, new byte[0]);
      HOW = Objects.requireNonNull(given, "given by EncodedEvent");
    }
  }
}
