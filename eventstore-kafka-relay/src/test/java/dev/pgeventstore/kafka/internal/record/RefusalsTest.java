package dev.pgeventstore.kafka.internal.record;

import static org.assertj.core.api.Assertions.assertThat;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.internal.record.Parcel.Company;
import dev.pgeventstore.kafka.internal.record.Refusals.Search;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.NotLeaderOrFollowerException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.UnknownServerException;
import org.junit.jupiter.api.Test;

/** Which record is taken for the refused one, and when. */
class RefusalsTest {

  private final Refusals refusals = new Refusals();

  private static Parcel parcel(Company company, int sources, long upTo) {
    return new Parcel(
        List.of(
            new Outgoing(new ProducerRecord<>("t", 0, null, null, new byte[1]), Position.of(upTo))),
        Map.of(),
        List.of(),
        Position.of(upTo),
        Optional.empty(),
        sources,
        0,
        1,
        Position.of(upTo),
        company,
        sources,
        null,
        Optional.empty(),
        true);
  }

  private void refuse(long position, Exception answer) {
    refusals.refused(new RecordRefusedException("refused", Position.of(position), answer));
  }

  @Test
  void what_was_refused_with_others_is_looked_for_from_there_on() {
    refusals.sends(parcel(Company.ANY, 100, 100));
    refuse(40, new InvalidRecordException("no key"));
    assertThat(refusals.search()).isEqualTo(new Search(Position.of(40), Position.of(100)));
    assertThat(refusals.of(Position.of(40))).isEmpty();

    refusals.sends(parcel(Company.NONE, 2, 43));
    refuse(42, new InvalidRecordException("no key"));
    assertThat(refusals.search()).isEqualTo(new Search(Position.of(42), Position.of(100)));
    assertThat(refusals.of(Position.of(42))).isEmpty();

    refusals.forgetUpTo(Position.of(99));
    assertThat(refusals.search()).isNotNull();
    refusals.forgetUpTo(Position.of(100));
    assertThat(refusals.search()).isNull();
  }

  @Test
  void what_was_refused_alone_is_refused_for_what_it_is() {
    refusals.sends(parcel(Company.NONE, 1, 42));
    refuse(42, new InvalidTopicException("internal"));
    assertThat(refusals.of(Position.of(42))).hasSize(1);
    assertThat(refusals.search()).isEqualTo(new Search(Position.of(42), Position.of(42)));
    refusals.forgetUpTo(Position.of(42));
    assertThat(refusals.of(Position.of(42))).isEmpty();
  }

  @Test
  void an_answer_that_may_be_about_something_else_must_come_three_times() {
    for (int time = 1; time <= 3; time++) {
      assertThat(refusals.of(Position.of(42))).isEmpty();
      refusals.sends(parcel(Company.NONE, 1, 42));
      refuse(42, new UnknownServerException("unknown"));
    }
    assertThat(refusals.of(Position.of(42))).hasSize(1);
  }

  @Test
  void answers_about_rights_fencing_sequences_and_brokers_are_not_about_records() {
    assertThat(
            List.of(
                new TopicAuthorizationException("t"),
                new ProducerFencedException("fenced"),
                new OutOfOrderSequenceException("sequence"),
                new NotLeaderOrFollowerException("moved"),
                new KafkaException("given up", new IllegalStateException())))
        .noneMatch(Failures::mayBeOfRecord);
    assertThat(
            List.of(
                new InvalidRecordException("no key"),
                new UnknownServerException("unknown"),
                // So the client says of records beside a refused one.
                new KafkaException("part of a batch")))
        .allMatch(Failures::mayBeOfRecord);
  }
}
