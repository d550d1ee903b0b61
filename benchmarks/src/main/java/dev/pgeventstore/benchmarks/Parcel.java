package dev.pgeventstore.benchmarks;

import dev.pgeventstore.codec.EventType;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** The event that is written and read: about 200 bytes of JSON. */
@EventType(name = "parcel-delivered")
record Parcel(
    long number,
    String customer,
    String street,
    String city,
    int cents,
    boolean signed,
    Instant deliveredAt,
    String note) {

  static Parcel number(long number) {
    return new Parcel(
        number,
        "customer-" + number % 5_000,
        number % 400 + " Long Winding Road",
        "Amersfoort",
        (int) (number % 100_000),
        number % 3 == 0,
        Instant.ofEpochSecond(1_790_000_000L + number),
        "left with the neighbours");
  }

  /** Creates an event that carries the time at which its append began. */
  static Parcel begunAt(long number, long micros) {
    Parcel any = number(number);
    return new Parcel(
        number,
        any.customer,
        any.street,
        any.city,
        any.cents,
        any.signed,
        Instant.EPOCH.plus(micros, ChronoUnit.MICROS),
        any.note);
  }

  long begunMicros() {
    return ChronoUnit.MICROS.between(Instant.EPOCH, deliveredAt);
  }
}
