package dev.pgeventstore.kafka;

import dev.pgeventstore.feed.Lease;
import java.time.Duration;
import java.util.Optional;

/** The lead of an operator: nobody else has it until he is done, or stands still for too long. */
final class SeizedLead implements Leadership {

  /** How long it lasts unless it is renewed. */
  static final Duration TTL = Duration.ofSeconds(30);

  private final Lease lease;
  private long renewed = System.nanoTime();

  SeizedLead(Lease lease) {
    this.lease = lease;
  }

  @Override
  public boolean acquire() {
    return true;
  }

  @Override
  public boolean confirm() {
    renewed = System.nanoTime();
    return lease.renew();
  }

  @Override
  public boolean keep() {
    return System.nanoTime() - renewed < TTL.toNanos() / 3 || confirm();
  }

  @Override
  public boolean isCertain() {
    return System.nanoTime() - renewed < TTL.toNanos();
  }

  @Override
  public Optional<Lease> lease() {
    return Optional.of(lease);
  }

  @Override
  public void release() {
    lease.close();
  }
}
