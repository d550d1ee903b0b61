package dev.pgeventstore.kafka.internal.lead;

import dev.pgeventstore.spi.Lease;
import java.util.Optional;

/**
 * Which of several relays may publish. It only keeps them from disturbing one another. Being wrong
 * here costs time and nothing else where Kafka's fencing makes events arrive once; at least once
 * there is no fence, and two that both think they lead repeat events.
 */
public interface Leadership {

  /** Every relay leads. Then they fence each other in turns. */
  Leadership NOT_NEEDED =
      new Leadership() {
        @Override
        public boolean acquire() {
          return true;
        }

        @Override
        public boolean confirm() {
          return true;
        }

        @Override
        public boolean keep() {
          return true;
        }

        @Override
        public boolean isCertain() {
          return true;
        }

        @Override
        public Optional<Lease> lease() {
          return Optional.empty();
        }

        @Override
        public void release() {}
      };

  /** Leads from now on, if no other does. */
  boolean acquire();

  /** Whether this one still leads, by asking. */
  boolean confirm();

  /** The same, but asks only when it is time to. */
  boolean keep();

  /** Whether this one still leads for certain: without asking, by this process's clock. */
  boolean isCertain();

  /** What it leads by; empty if it needs nothing. */
  Optional<Lease> lease();

  /** Lets another one lead. */
  void release();
}
