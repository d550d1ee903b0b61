package dev.pgeventstore.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.*;
import dev.pgeventstore.codec.*;
import dev.pgeventstore.subscription.*;
import java.time.Duration;
import java.util.*;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

class SmokeTest {
  @Test
  void smoke() throws Exception {
    PGSimpleDataSource ds = new PGSimpleDataSource();
    ds.setUrl("jdbc:postgresql://127.0.0.1:54999/postgres?user=postgres");
    com.zaxxer.hikari.HikariConfig hc = new com.zaxxer.hikari.HikariConfig();
    hc.setDataSource(ds);
    String schema = "s" + System.nanoTime();
    try (var pool = new com.zaxxer.hikari.HikariDataSource(hc);
        var store =
            PostgresEventStore.builder(pool)
                .schema(schema)
                .codec(JacksonCodec.of(EventTypes.none()))
                .build()) {
      StreamId id = StreamId.of("a", "1");
      var r =
          store.append(
              id,
              ExpectedVersion.noStream(),
              List.of(EncodedEvent.of("x", 1, "{\"a\": 1}"), EncodedEvent.of("y", 1, "{}")));
      System.out.println(r);
      System.out.println(store.read(id));
      System.out.println(store.highWaterMark() + " " + store.readAll(Position.START, 10));
      List<RecordedEvent> seen = Collections.synchronizedList(new ArrayList<>());
      var sub = Subscriptions.of(store).create("s").handler((es, c) -> seen.addAll(es)).start();
      sub.awaitApplied(r, Duration.ofSeconds(5));
      long[] lat = new long[2000];
      for (int i = 0; i < lat.length; i++) {
        long t = System.nanoTime();
        var q =
            store.append(
                StreamId.of("b", "" + i),
                ExpectedVersion.noStream(),
                List.of(EncodedEvent.of("x", 1, "{}")));
        sub.awaitApplied(q, Duration.ofSeconds(5));
        lat[i] = System.nanoTime() - t;
      }
      Arrays.sort(lat);
      System.out.println("append+applied p50 " + lat[1000] / 1000 + " us p99 " + lat[1980] / 1000);
      assertThat(seen).hasSize(2002);
      System.out.println(sub.status());
      long t = System.nanoTime();
      for (int i = 0; i < 5000; i++)
        store.append(
            StreamId.of("c", "" + i),
            ExpectedVersion.noStream(),
            List.of(EncodedEvent.of("x", 1, "{}")));
      System.out.println("5000 appends " + (System.nanoTime() - t) / 5000_000 + " us each");
      for (int n = 0; n < 100; n++) {
        List<EncodedEvent> l = new ArrayList<>();
        for (int i = 0; i < 2000; i++) l.add(EncodedEvent.of("xyz", 1, "{\"a\":" + i + "}"));
        store.append(StreamId.of("d", "" + n), ExpectedVersion.noStream(), l);
      }
      t = System.nanoTime();
      Position p = Position.START;
      int count = 0;
      while (true) {
        var page = store.readAll(p, 1000);
        count += page.events().size();
        p = page.upTo();
        if (page.isLast()) break;
      }
      System.out.println(count + " events/s " + count * 1_000_000_000L / (System.nanoTime() - t));
    }
  }
}
