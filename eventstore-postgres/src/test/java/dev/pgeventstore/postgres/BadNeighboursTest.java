package dev.pgeventstore.postgres;

import static dev.pgeventstore.ExpectedVersion.any;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.OutcomeUnknownException;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.AppendHistory.Told;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Appends that only the database refuses, in the middle of good ones: they fail alone, and are told
 * why.
 */
@ExtendWith(PostgresExtension.class)
@Timeout(120)
class BadNeighboursTest {

  private static final int THREADS = 24;
  private static final int EACH = 20;
  private static final StreamId SHARED = StreamId.of("shared", "1");

  private TestStore store;
  private AppendHistory history;

  private void open(Database database, Appending appending) throws SQLException {
    store =
        new TestStore(
            database, 10, builder -> appending.apply(builder.codec(new UncheckedCodec())));
    history = new AppendHistory(appending.isGrouped());
    store.execute(
        "alter table eventstore.events add constraint not_forbidden check (type <> 'forbidden')");
    store.execute(
        """
        create function public.refuse() returns trigger language plpgsql as $$
        begin
          if new.stream_id = 'cursed-raise' then
            raise exception 'cursed';
          elsif new.stream_id = 'cursed-deadlock' then
            raise exception 'cursed' using errcode = '40P01';
          elsif new.stream_id = 'cursed-serialization' then
            raise exception 'cursed' using errcode = '40001';
          elsif new.stream_id = 'cursed-lock' then
            raise exception 'cursed' using errcode = '55P03';
          elsif new.stream_id = 'cursed-cancel' then
            raise exception 'cursed' using errcode = '57014';
          elsif new.stream_id = 'cursed-unique' then
            raise exception 'cursed' using errcode = '23505';
          end if;
          return new;
        end
        $$
        """);
    store.execute(
        "create trigger refuse before insert on eventstore.events"
            + " for each row execute function public.refuse()");
  }

  @AfterEach
  void close() {
    store.close();
  }

  /** Lets everything through, JSON or not. */
  private static final class UncheckedCodec implements EventCodec {
    private final EventCodec codec = JacksonCodec.of(EventTypes.none());

    @Override
    public EncodedEvent encode(NewEvent event, StreamId stream) {
      return (EncodedEvent) event.payload();
    }

    @Override
    public Object decode(RecordedEvent event) {
      return codec.decode(event);
    }

    @Override
    public String typeName(Class<?> payloadClass) {
      return codec.typeName(payloadClass);
    }

    @Override
    public byte[] encodeMetadata(Metadata metadata) {
      return metadata.entries().containsKey("bad")
          ? "{\"bad\":".getBytes(StandardCharsets.UTF_8)
          : codec.encodeMetadata(metadata);
    }

    @Override
    public Metadata decodeMetadata(byte[] json) {
      return codec.decodeMetadata(json);
    }
  }

  private static List<NewEvent> events(int count) {
    return Stream.generate(() -> TestStore.event("e")).limit(count).toList();
  }

  private static NewEvent event(String type, String data) {
    return event(type, data.getBytes(StandardCharsets.UTF_8));
  }

  private static NewEvent event(String type, byte[] data) {
    return NewEvent.of(EncodedEvent.of(type, 1, data)).withId(UUID.randomUUID());
  }

  /** An append that the database refuses, and the error that its caller must get. */
  private record Bad(Append append, Predicate<Throwable> told) {

    static Bad notJson(StreamId stream, NewEvent event) {
      return new Bad(
          Append.to(stream, any(), List.of(TestStore.event("e"), event)),
          e ->
              e instanceof IllegalArgumentException
                  && e.getMessage().contains("nothing was written")
                  && e.getMessage().contains(stream.toString()));
    }

    static Bad failing(StreamId stream, String state, NewEvent event) {
      return new Bad(
          Append.to(SHARED, any(), events(1)).and(stream, any(), List.of(event)),
          e ->
              e.getClass() == EventStoreException.class
                  && e.getMessage().contains("nothing was written")
                  && e.getMessage().contains(stream.toString())
                  && e.getCause() instanceof SQLException sql
                  && state.equals(sql.getSQLState()));
    }

    static Bad of(int kind, int thread) {
      StreamId own = StreamId.of("own", "" + thread);
      return switch (kind % 10) {
        case 0 -> notJson(own, event("nope", "{nope"));
        case 1 -> notJson(own, event("nope", ""));
        case 2 -> notJson(own, event("nope", new byte[] {'"', (byte) 0xff, '"'}));
        case 3 -> failing(own, "23514", event("forbidden", "{}"));
        case 4 ->
            notJson(
                own, TestStore.event("e").withMetadata(Metadata.none().with("bad", "metadata")));
        case 5 -> failing(StreamId.of("cursed", "raise"), "P0001", TestStore.event("e"));
        case 6 -> failing(StreamId.of("cursed", "deadlock"), "40P01", TestStore.event("e"));
        case 7 -> failing(StreamId.of("cursed", "serialization"), "40001", TestStore.event("e"));
        case 8 -> failing(StreamId.of("cursed", "unique"), "23505", TestStore.event("e"));
        default -> failing(StreamId.of("cursed", "cancel"), "57014", TestStore.event("e"));
      };
    }
  }

  private static Append good(int thread, int i) {
    return switch (i % 4) {
      case 0 -> Append.to(SHARED, any(), events(1));
      case 1 ->
          Append.to(SHARED, any(), events(1))
              .and(StreamId.of("own", "" + thread), any(), events(1));
      default -> Append.to(StreamId.of("own", "" + thread), any(), events(2));
    };
  }

  @ParameterizedTest
  @EnumSource
  void an_append_that_fails_alone_reports_its_reason(Appending appending, Database database)
      throws Exception {
    open(database, appending);
    for (int kind = 0; kind < 10; kind++) {
      Bad bad = Bad.of(kind, 1);
      assertThat(catchThrowable(() -> history.append(store.store, bad.append())))
          .as("kind %d", kind)
          .matches(bad.told());
    }
    history.append(store.store, good(1, 1));
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource
  void among_many_threads_each_bad_append_fails_alone(Appending appending, Database database)
      throws Exception {
    open(database, appending);
    Crowd.doAtOnce(
        THREADS,
        thread -> {
          for (int i = 0; i < EACH; i++) {
            if ((thread + i) % 5 == 0) {
              Bad bad = Bad.of(thread + i / 5, thread);
              assertThat(catchThrowable(() -> history.append(store.store, bad.append())))
                  .matches(bad.told());
            } else {
              history.append(store.store, good(thread, i));
            }
          }
          return null;
        });
    assertThat(history.count(Told.WRITTEN)).isEqualTo(THREADS * EACH * 4 / 5);
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource
  void among_many_in_flight_of_one_thread_each_bad_append_fails_alone(
      Appending appending, Database database) throws Exception {
    open(database, appending);
    List<Future<AppendResult>> good = new ArrayList<>();
    List<Future<AppendResult>> failing = new ArrayList<>();
    List<Bad> bad = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      good.add(history.appendAsync(store.store, good(i % 7, i)));
      if (i % 10 == 0) {
        bad.add(Bad.of(i / 10, i % 7));
        failing.add(history.appendAsync(store.store, bad.get(bad.size() - 1).append()));
      }
    }
    assertThat(Crowd.results(good)).hasSize(300);
    for (int i = 0; i < bad.size(); i++) {
      Future<AppendResult> each = failing.get(i);
      Bad of = bad.get(i);
      assertThatThrownBy(() -> each.get(30, TimeUnit.SECONDS))
          .isInstanceOf(ExecutionException.class)
          .satisfies(e -> assertThat(AppendHistory.unwrapped(e.getCause())).matches(of.told()));
    }
    history.check(database, "in the end");
  }

  @ParameterizedTest
  @EnumSource
  void an_append_that_ends_its_connection_costs_the_others_no_more_than_a_retry(
      Appending appending, Database database) throws Exception {
    open(database, appending);
    store.execute(
        """
        create or replace function public.refuse() returns trigger language plpgsql as $$
        begin
          if new.stream_id = 'cursed-connection' then
            perform pg_terminate_backend(pg_backend_pid());
          end if;
          return new;
        end
        $$
        """);
    Crowd.doAtOnce(
        THREADS,
        thread -> {
          for (int i = 0; i < 10; i++) {
            if (thread == 0) {
              Append bad = Append.to(StreamId.of("cursed", "connection"), any(), events(1));
              assertThatThrownBy(() -> history.append(store.store, bad))
                  .isInstanceOf(OutcomeUnknownException.class);
            } else {
              tryUntilKnown(good(thread, i));
            }
          }
          return null;
        });
    assertThat(history.count(Told.WRITTEN)).isEqualTo((THREADS - 1) * 10L);
    history.check(database, "in the end");
  }

  private void tryUntilKnown(Append append) {
    for (int attempt = 1; ; attempt++) {
      try {
        history.append(store.store, append);
        return;
      } catch (OutcomeUnknownException e) {
        if (attempt == 100) {
          throw e;
        }
      }
    }
  }
}
