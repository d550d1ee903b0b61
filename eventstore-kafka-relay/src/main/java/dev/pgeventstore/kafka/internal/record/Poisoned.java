package dev.pgeventstore.kafka.internal.record;

import dev.pgeventstore.Position;
import dev.pgeventstore.kafka.PoisonPolicy.Decision;
import dev.pgeventstore.kafka.PoisonPolicy.Poison;
import java.util.Optional;

/** What cannot be published, and what the policy has decided about it. */
public record Poisoned(Poison poison, Decision decision) {

  /** An event or a message. */
  record Item(Position position, Optional<String> stream, String type, Throwable failure)
      implements Poison {}
}
