package dev.pgeventstore.benchmarks;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.Migrations;
import dev.pgeventstore.postgres.PostgresEventStore;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The other process of {@link OtherProcess}. For each line of input, a key and a count, it appends
 * that many events, and then prints one line with the times at which the appends returned. It ends
 * at the end of its input, so it does not outlive the process that started it.
 */
final class AppendingProcess {

  static final String READY = "ready";

  private AppendingProcess() {}

  /**
   * Appends as its input requests.
   *
   * @param arguments the address of the database
   * @throws Exception if an append fails
   */
  public static void main(String[] arguments) throws Exception {
    try (HikariDataSource pool = Stage.pool(arguments[0], Stage.STORE_POOL);
        EventStore store =
            PostgresEventStore.builder(pool)
                .schema(Stage.SCHEMA)
                .codec(JacksonCodec.of(EventTypes.of(Parcel.class)))
                .migrations(Migrations.NONE)
                .build();
        BufferedReader orders =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      System.out.println(READY);
      for (String order = orders.readLine(); order != null; order = orders.readLine()) {
        String[] words = order.split(" ");
        System.out.println(
            Arrays.stream(append(store, words[0], Integer.parseInt(words[1])))
                .mapToObj(Long::toString)
                .collect(Collectors.joining(" ")));
      }
    }
  }

  /** Appends numbered events at the common pace, each with the time at which its append began. */
  static long[] append(EventStore store, String key, int count) {
    long[] returned = new long[count];
    Pace pace = new Pace();
    for (int i = 0; i < count; i++) {
      pace.await(i);
      store.append(
          StreamId.of("live", key + '-' + i),
          ExpectedVersion.noStream(),
          List.of(Parcel.begunAt(i, WallClock.micros())));
      returned[i] = WallClock.micros();
    }
    return returned;
  }
}
