package dev.pgeventstore.kafka.internal;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.PoisonPolicy;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.DebeziumOutbox;
import dev.pgeventstore.kafka.record.RecordMapper;
import java.time.Duration;
import java.util.Optional;

/**
 * What a relay is to do.
 *
 * @param name of the relay
 * @param topic where events go
 * @param query which events
 * @param store the name of the store in Kafka; none for the database's id
 * @param positionTopic where positions are kept; none for a name made from store and relay
 * @param source of the CloudEvents; none for one made from the store's name
 * @param startAfter where to start without a position although the topic has records
 * @param leaseTtl how long a leader that fell silent keeps others from leading
 * @param unhealthyAfter for how long it may stand still with something to do
 * @param delivery what is promised
 * @param lanes how many
 * @param mapper what becomes of an event; none for CloudEvents
 * @param poison what to do about what cannot be published
 * @param deadLetters where dead letters go
 */
public record RelaySpec(
    String name,
    String topic,
    EventQuery query,
    Optional<String> store,
    Optional<String> positionTopic,
    Optional<String> source,
    Optional<Position> startAfter,
    Duration leaseTtl,
    Duration unhealthyAfter,
    Delivery delivery,
    int lanes,
    Optional<RecordMapper> mapper,
    PoisonPolicy poison,
    Optional<String> deadLetters) {

  /** How the names of position topics begin, unless they are given. */
  public static final String POSITION_TOPICS = "eventstore-positions.";

  /**
   * A name that is part of names in Kafka.
   *
   * @throws IllegalArgumentException if Kafka does not take it
   */
  public static String requireName(String what, String text, int longest) {
    if (!text.matches("[a-zA-Z0-9._-]{1," + longest + "}")) {
      throw new IllegalArgumentException(
          "%s is 1 to %d of the characters [a-zA-Z0-9._-], not '%s'"
              .formatted(what, longest, text));
    }
    return text;
  }

  /** The same for a topic. */
  public static String requireTopic(String what, String text) {
    if (text.equals(".") || text.equals("..")) {
      throw new IllegalArgumentException("%s cannot be '%s' in Kafka".formatted(what, text));
    }
    return requireName(what, text, 249);
  }

  /**
   * Checks that nothing is missing and that the parts fit.
   *
   * @throws IllegalStateException if they do not
   */
  public RelaySpec requireSound() {
    if (name.isEmpty()) {
      throw new IllegalStateException("a relay needs a name: call name(…)");
    }
    if (topic.isEmpty() && mapper.isEmpty()) {
      throw new IllegalStateException(
          "relay %s needs a topic: call topic(…), or mapper(…) with one that names a topic for every record"
              .formatted(name));
    }
    requireNotForPositions(topic);
    deadLetters.ifPresent(this::requireNotForPositions);
    if (deadLetters.filter(topic::equals).isPresent()) {
      throw new IllegalStateException(
          "the dead letters have a topic of their own: in the relay's they would be read as events");
    }
    if (delivery == Delivery.AT_LEAST_ONCE && positionTopic.isPresent()) {
      throw new IllegalStateException(
          "at least once keeps the position in the database, with the lease: there is no position topic");
    }
    return this;
  }

  private void requireNotForPositions(String used) {
    if (used.startsWith(POSITION_TOPICS) || positionTopic.filter(used::equals).isPresent()) {
      throw new IllegalStateException(
          "topic %s is for positions of relays only, not for events or dead letters"
              .formatted(used));
    }
  }

  public Declaration declaration() {
    return new Declaration(
        topic,
        mapper.map(RecordMapper::name).orElse(CloudEvents.class.getName()),
        delivery,
        lanes,
        query.canonicalText());
  }

  /** The same relay with another delivery. */
  public RelaySpec with(Delivery other) {
    return new RelaySpec(
        name,
        topic,
        query,
        store,
        positionTopic,
        source,
        startAfter,
        leaseTtl,
        unhealthyAfter,
        other,
        lanes,
        mapper,
        poison,
        deadLetters);
  }

  /** Under which leases are kept in the database. */
  public String leaseName() {
    return "relay/" + name;
  }

  public String storeName(String databaseId) {
    return store.orElse(databaseId);
  }

  /** The name under which records stand in one order; another one once it has begun anew. */
  public String series(int number) {
    return number == 1 ? name : name + '~' + number;
  }

  public RecordMapper mapper(String databaseId) {
    return mapper.orElseGet(() -> CloudEvents.from(sourceUri(databaseId)));
  }

  /** Whether each record of an event has the event's id anyway, in {@code ce_id} or {@code id}. */
  public boolean mapperTellsEventIds() {
    return mapper.isEmpty()
        || mapper.get() instanceof CloudEvents
        || mapper.get() instanceof DebeziumOutbox;
  }

  /** The same for every process that runs this lane, for ever: by it Kafka fences the others. */
  public String transactionalId(String databaseId, int lane) {
    return storeName(databaseId) + '/' + name + '/' + lane;
  }

  public String positionTopicName(String databaseId) {
    return positionTopic.orElseGet(
        () ->
            POSITION_TOPICS
                + "%s.%s"
                    .formatted(storeName(databaseId).replaceAll("[^a-zA-Z0-9._-]", "."), name));
  }

  public String sourceUri(String databaseId) {
    return source.orElseGet(() -> '/' + storeName(databaseId));
  }
}
