package dev.pgeventstore.kafka.internal.record;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.Position;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.internal.Causes;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.PoisonPolicy.Poison;
import dev.pgeventstore.kafka.RelayHaltedException;
import dev.pgeventstore.kafka.internal.OwnHeaders;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.kafka.internal.position.LaneNotes;
import dev.pgeventstore.kafka.internal.position.ParkedNote;
import dev.pgeventstore.kafka.internal.record.RecordPacker.Placing;
import dev.pgeventstore.kafka.internal.record.RecordPacker.Unpublishable;
import dev.pgeventstore.kafka.record.RelayRecord;
import dev.pgeventstore.spi.RecordedMessage;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.common.header.Header;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks the poison policy what becomes of what cannot be published, and sees to it. For one thread.
 */
final class Poisoning {

  private static final Logger LOG = LoggerFactory.getLogger(Poisoning.class);

  private final RelaySpec spec;
  private final String source;
  private final RecordPacker packer;
  private final Map<StreamId, ParkedNote> parked;
  private final Refusals refusals;

  /**
   * @param source of the events, as in CloudEvents
   * @param parked streams that wait; those that are parked here are added
   */
  Poisoning(
      RelaySpec spec,
      String source,
      RecordPacker packer,
      Map<StreamId, ParkedNote> parked,
      Refusals refusals) {
    this.spec = spec;
    this.source = source;
    this.packer = packer;
    this.parked = parked;
    this.refusals = refusals;
  }

  /**
   * Decides about an event.
   *
   * @throws RelayHaltedException if nothing may be sent beyond it
   */
  void decide(RecordedEvent event, Throwable failure, OpenParcel parcel)
      throws InterruptedException {
    Poison poison =
        new Poisoned.Item(
            event.position(), Optional.of(event.stream().toString()), event.type(), failure);
    Decision decision = decide(poison);
    String what =
        "event %s of stream %s at position %s"
            .formatted(event.id(), event.stream(), event.position());
    if (decision == Decision.PARK_STREAM) {
      ParkedNote stream =
          new ParkedNote(event.stream(), event.position(), Instant.now(), Failures.reason(failure));
      parked.put(event.stream(), stream);
      parcel.note(LaneNotes.parked(event.stream()), stream.format());
      parcel.poisoned(new Poisoned(poison, decision));
      warn("parks a stream: " + what + " cannot be published", failure);
      return;
    }
    settle(
        new Poisoned(poison, decision),
        what,
        RelayRecord.of(event.stream().toString().getBytes(UTF_8), event.encoded().dataUtf8())
            .header("ce_specversion", "1.0")
            .header("ce_id", event.id().toString())
            .header("ce_source", source)
            .header("ce_type", event.type())
            .header("ce_subject", event.stream().toString())
            .header("ce_time", event.recordedAt().toString())
            .header("content-type", "application/json"),
        List.of(),
        parcel);
  }

  /**
   * Decides about a message.
   *
   * @param record that was made of it
   * @param about further headers of its records
   * @throws RelayHaltedException if nothing may be sent beyond it
   */
  void decide(
      RecordedMessage message,
      RelayRecord record,
      List<Header> about,
      Throwable failure,
      OpenParcel parcel)
      throws InterruptedException {
    Poison poison =
        new Poisoned.Item(message.position(), Optional.empty(), message.message().topic(), failure);
    Decision decision = decide(poison);
    settle(
        // There is no stream that could wait.
        new Poisoned(poison, decision == Decision.PARK_STREAM ? Decision.HALT : decision),
        "%s at position %s".formatted(message.message(), message.position()),
        record,
        about,
        parcel);
  }

  private void settle(
      Poisoned poisoned, String what, RelayRecord record, List<Header> about, OpenParcel parcel)
      throws InterruptedException {
    Position position = poisoned.poison().position();
    Throwable failure = poisoned.poison().failure();
    switch (poisoned.decision()) {
      case SKIP -> {
        warn("passes over " + what + ", which cannot be published", failure);
        parcel.note(LaneNotes.skip(position), "by its policy: " + Failures.reason(failure));
      }
      case DEAD_LETTER -> {
        warn("sends " + what + " to the dead letters", failure);
        addDeadLetter(record, about, position, failure, parcel);
      }
      default ->
          throw new RelayHaltedException(
              "%s cannot be published: %s. Everything before it is published. Mend that, or pass over it with RelayOperations.skip, and start the relay again"
                  .formatted(what, Failures.reason(failure)),
              failure);
    }
    parcel.poisoned(poisoned);
  }

  private void warn(String what, Throwable failure) {
    LOG.warn("Relay {} {}: {}", spec.name(), what, Causes.text(failure));
    LOG.debug("In full", Causes.loggable(failure));
  }

  private void addDeadLetter(
      RelayRecord record,
      List<Header> about,
      Position position,
      Throwable failure,
      OpenParcel parcel)
      throws InterruptedException {
    String topic =
        spec.deadLetters()
            .orElseThrow(
                () ->
                    new RelayHaltedException(
                        "the poison policy wants a dead letter, but the relay has no topic for them: name one with deadLetters(…)"));
    RelayRecord letter =
        record
            .topic(topic)
            .header("dead_letter_topic", record.topic().orElse(spec.topic()))
            .header(OwnHeaders.DEAD_LETTER, Failures.reason(failure));
    List<RecordRefusedException> refused = refusals.of(position);
    // The first may be of the record itself; then the others are of dead letters.
    int letters = refused.size() - (refused.contains(failure) ? 1 : 0);
    try {
      if (letters > 1) {
        throw new Unpublishable(refused.get(refused.size() - 1));
      }
      try {
        if (letters == 1) {
          throw new Unpublishable(refused.get(refused.size() - 1));
        }
        packer.add(List.of(letter), "", about, Placing.inTurn(position), parcel);
      } catch (Unpublishable e) {
        RelayRecord empty =
            letter
                .value((byte[]) null)
                .header(
                    "dead_letter_omitted_bytes",
                    Integer.toString(RecordPacker.length(letter.value())));
        packer.add(List.of(empty), "", about, Placing.inTurn(position), parcel);
      }
    } catch (Unpublishable e) {
      throw new RelayHaltedException(
          "a dead letter of what stands at position %s cannot be sent to topic %s: %s. Everything before it is published. Mend that, or pass over it with RelayOperations.skip, and start the relay again"
              .formatted(position, topic, Failures.reason(e.why())),
          e.why());
    }
  }

  private Decision decide(Poison poison) {
    try {
      return spec.poison().on(poison);
    } catch (Throwable e) {
      throw new RelayHaltedException(
          "the poison policy fails on what stands at position %s: %s"
              .formatted(poison.position(), Failures.reason(e)),
          e);
    } finally {
      Thread.interrupted();
    }
  }
}
