package dev.pgeventstore.kafka;

import static dev.pgeventstore.kafka.ExactSequence.header;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Append;
import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.OutboxMessage;
import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.consumer.RecordDecoder;
import dev.pgeventstore.kafka.consumer.RelayedRecord;
import dev.pgeventstore.kafka.consumer.Watermarks;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.kafka.record.RelayRecord;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.KafkaBroker;
import dev.pgeventstore.testkit.servers.KafkaExtension;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Operations in an order that a seed chooses, with poison of events and messages: whatever was done
 * before, a reader with marks has each event once and in order, and a verification is exact.
 */
@ExtendWith({PostgresExtension.class, KafkaExtension.class})
@Order(1)
@Tag("faults")
class RelayWalkTest {

  private static final CloudEvents EVENTS = CloudEvents.from("/test");
  private static final int STEPS = Integer.getInteger("relay.walk.steps", 25);
  private static final long SEED = Long.getLong("relay.walk.seed", 4711);
  private static final int WALKS = Integer.getInteger("relay.walk.walks", 1);

  /** A walk of a relay. */
  record Walk(Delivery delivery, int lanes, long seed) {}

  static List<Walk> walks() {
    List<Walk> walks = new ArrayList<>();
    for (long seed = SEED; seed < SEED + WALKS; seed++) {
      for (Delivery delivery : Delivery.values()) {
        for (int lanes : List.of(1, 2)) {
          walks.add(new Walk(delivery, lanes, seed));
        }
      }
    }
    return walks;
  }

  @ParameterizedTest
  @MethodSource("walks")
  void whatever_was_done_before_readers_have_everything_once(
      Walk walk, Database database, KafkaBroker broker) throws Exception {
    try (Bench bench = new Bench(database, broker)) {
      new Walker(bench, walk).run();
    }
  }

  private static final class Walker {
    private final Bench bench;
    private final Walk walk;
    private final Random random;
    private final String other;
    private final String letters;
    private final List<String> log = new ArrayList<>();
    private final Set<String> sick = new HashSet<>();
    private final Set<String> leftOut = new HashSet<>();
    private final Set<String> aside = new HashSet<>();
    private Decision decision = Decision.PARK_STREAM;
    private int topics;
    private Position mark = Position.START;

    Walker(Bench bench, Walk walk) {
      this.bench = bench;
      this.walk = walk;
      this.random = new Random(walk.seed());
      this.other = "other-" + bench.topic;
      this.letters = "letters-" + bench.topic;
      bench.createTopic(other, 2);
      bench.createTopic(letters, 2);
    }

    private final class Mapper implements RecordMapper {
      @Override
      public List<RelayRecord> map(RecordedEvent event) {
        if (sick.contains(Walker.name(event))) {
          throw new IllegalStateException("cannot map this");
        }
        return event.stream().category().equals("twice")
            ? List.of(EVENTS.record(event), EVENTS.record(event, 1).topic(other).key("k"))
            : EVENTS.map(event);
      }
    }

    private static String name(RecordedEvent event) {
      return event.stream() + "@" + event.version();
    }

    private KafkaRelay.Builder relay() {
      return bench
          .relay()
          .topic(topics % 2 == 0 ? bench.topic : other)
          .delivery(walk.delivery())
          .lanes(walk.lanes())
          .mapper(new Mapper())
          .deadLetters(letters)
          .onPoison(
              PoisonPolicy.decide(
                  poison ->
                      poison.stream().isEmpty() && decision == Decision.PARK_STREAM
                          ? Decision.DEAD_LETTER
                          : decision));
    }

    void run() throws Exception {
      try {
        for (int step = 0; step < STEPS; step++) {
          step();
        }
        sick.clear();
        publish();
        for (ParkedStream parked : relay().operations().parked()) {
          log.add("at last retry " + parked.stream());
          relay().operations().retryParked(parked.stream());
        }
        append();
        publish();
        check();
      } catch (Exception | AssertionError e) {
        throw new AssertionError(String.join("\n", log), e);
      }
    }

    private void step() throws Exception {
      RelayOperations operations = relay().operations();
      switch (random.nextInt(12)) {
        case 0, 1, 2 -> append();
        case 3, 4 -> {
          publish();
          check();
        }
        case 5 -> {
          decision =
              List.of(Decision.PARK_STREAM, Decision.SKIP, Decision.DEAD_LETTER)
                  .get(random.nextInt(3));
          log.add("policy " + decision);
        }
        case 6 -> {
          if (!mark.equals(Position.START)) {
            for (ParkedStream parked : operations.parked()) {
              boolean retries = random.nextBoolean();
              log.add((retries ? "retry " : "discard ") + parked);
              if (retries) {
                sick.removeIf(one -> one.startsWith(parked.stream() + "@"));
                operations.retryParked(parked.stream());
              } else {
                // All up to where the lane stands.
                publish();
                operations.discardParked(parked.stream(), "walk");
                bench.store.read(parked.stream()).stream()
                    .filter(event -> !parked.since().isAfter(event.position()))
                    .forEach(event -> leftOut.add(name(event)));
              }
            }
          }
        }
        case 7 -> {
          if (!mark.equals(Position.START)) {
            Position to = Position.of(random.nextLong(operations.position().value() + 1));
            log.add("rewind to " + to);
            try {
              operations.rewindTo(to, "walk");
            } catch (IllegalArgumentException e) {
              log.add("refused: " + e.getMessage());
            }
          }
        }
        case 8 -> {
          if (!mark.equals(Position.START)) {
            publish();
            topics++;
            log.add("redeclare");
            relay().operations().redeclare("walk");
          }
        }
        case 9 -> {
          if (!mark.equals(Position.START)) {
            StreamId stream = StreamId.of("order", Integer.toString(random.nextInt(3)));
            log.add("tombstone of " + stream);
            operations.publishTombstone(stream);
          }
        }
        case 10 -> {
          log.add("message");
          message(random.nextInt(3) == 0 ? "missing-" + bench.topic : other);
        }
        default -> {
          if (!mark.equals(Position.START)) {
            log.add("pause and resume");
            operations.pause("walk");
            append();
            operations.resume();
          }
        }
      }
    }

    private void message(String topic) {
      bench.store.append(
          Append.to(
                  StreamId.of("order", Integer.toString(random.nextInt(4))),
                  ExpectedVersion.any(),
                  List.of(EncodedEvent.of("Happened", 1, "{}")))
              .message(OutboxMessage.to("relay-of-" + bench.topic, topic).key("k").json("{}")));
    }

    private void append() {
      String stream =
          List.of("order-", "twice-", "sick-").get(random.nextInt(3)) + random.nextInt(4);
      int events = 1 + random.nextInt(4);
      bench.append(stream, events);
      long last = bench.store.read(StreamId.parse(stream)).size();
      if (stream.startsWith("sick")) {
        sick.add(stream + "@" + (last - random.nextInt(events)));
      }
      log.add("append %d to %s, sick are %s".formatted(events, stream, sick));
    }

    private void publish() throws Exception {
      log.add("publish with " + decision);
      try (KafkaRelay relay = relay().start()) {
        relay.awaitPublished(bench.store.highWaterMark(), Bench.PATIENCE);
      }
      mark = bench.store.highWaterMark();
      Set<String> parked = new HashSet<>();
      relay().operations().parked().forEach(one -> parked.add(one.stream().toString()));
      for (RecordedEvent event : bench.stored()) {
        if (sick.contains(name(event)) && !parked.contains(event.stream().toString())) {
          (decision == Decision.SKIP ? leftOut : aside).add(name(event));
        }
      }
    }

    private void check() throws Exception {
      VerificationReport report = relay().operations().verify(progress -> {});
      assertThat(report.isExact()).as("%s", report).isTrue();
      Map<String, Integer> seen = seen();
      Map<StreamId, Position> parked = new HashMap<>();
      relay().operations().parked().forEach(one -> parked.put(one.stream(), one.since()));
      for (RecordedEvent event : bench.stored()) {
        Position since = parked.get(event.stream());
        boolean waits = since != null && !since.isAfter(event.position());
        int wanted = event.stream().category().equals("twice") ? 2 : 1;
        int times = seen.getOrDefault(name(event), 0);
        if (waits || leftOut.contains(name(event)) || aside.contains(name(event))) {
          assertThat(times).as(name(event)).isLessThanOrEqualTo(wanted);
        } else {
          assertThat(times).as(name(event)).isEqualTo(wanted);
        }
      }
      seen.forEach(
          (name, times) -> {
            if (name.startsWith("message ")) {
              assertThat(times).as(name).isEqualTo(1);
            }
          });
    }

    private Map<String, Integer> seen() {
      RecordDecoder decoder = RecordDecoder.of(JacksonCodec.of(EventTypes.none()));
      Watermarks marks = Watermarks.exact();
      Map<String, Integer> seen = new HashMap<>();
      Map<String, Long> versions = new HashMap<>();
      for (String topic : List.of(bench.topic, other, letters)) {
        for (ConsumerRecord<byte[], byte[]> record : bench.consumed(topic)) {
          RelayedRecord relayed = decoder.decode(record).orElseThrow();
          if (!marks.isNew(relayed)) {
            continue;
          }
          String version = header(record, "es_version");
          String subject = header(record, "ce_subject");
          if (version != null) {
            seen.merge(subject + "@" + version, 1, Integer::sum);
            String sequence = topic + "/" + subject;
            if (record.headers().lastHeader("es_relay") != null && topic.equals(bench.topic)) {
              Long before = versions.put(sequence, Long.parseLong(version));
              assertThat(before == null || before < Long.parseLong(version))
                  .as("%s@%s after %s", subject, version, before)
                  .isTrue();
            }
          } else if (header(record, "es_message_id") != null) {
            seen.merge("message " + header(record, "es_message_id"), 1, Integer::sum);
          } else {
            seen.merge("other " + new String(record.key(), UTF_8), 1, Integer::sum);
          }
        }
      }
      return seen;
    }
  }
}
