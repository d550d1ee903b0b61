package dev.pgeventstore.codec;

import java.util.List;

/**
 * A class and how its events are stored.
 *
 * @param steps the upcaster from revision 1, from revision 2 and so on, up to the present one
 */
record RegisteredType(Class<?> payloadClass, String name, int revision, List<Upcaster> steps) {

  @Override
  public String toString() {
    return "%s revision %d (%s)".formatted(name, revision, payloadClass.getName());
  }
}
