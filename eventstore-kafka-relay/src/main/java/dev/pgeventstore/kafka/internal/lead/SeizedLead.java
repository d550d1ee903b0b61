package dev.pgeventstore.kafka.internal.lead;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.kafka.internal.RelaySpec;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.Lease;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The lead of an operator: nobody else has it until he is done, or stands still for too long. */
public final class SeizedLead implements Leadership {

  private static final Logger LOG = LoggerFactory.getLogger(SeizedLead.class);

  private static final Duration SHORTEST_TTL = Duration.ofSeconds(30);

  private final Scheduler scheduler;
  private final Lease lease;
  private final Duration ttl;
  private long renewed;

  private SeizedLead(Scheduler scheduler, Lease lease, Duration ttl, long since) {
    this.scheduler = scheduler;
    this.lease = lease;
    this.ttl = ttl;
    this.renewed = since;
  }

  /** Takes the lead of a lane from whoever has it. */
  public static SeizedLead of(Scheduler scheduler, EventFeed feed, RelaySpec spec, int lane) {
    // It must outlast the time for which an operator waits for the one before him.
    Duration twice = spec.leaseTtl().multipliedBy(2);
    Duration ttl = twice.compareTo(SHORTEST_TTL) > 0 ? twice : SHORTEST_TTL;
    long now = scheduler.nanoTime();
    return new SeizedLead(
        scheduler,
        feed.seizeLease(spec.leaseName(), lane, "operator-" + UUID.randomUUID(), ttl),
        ttl,
        now);
  }

  @Override
  public boolean acquire() {
    return true;
  }

  @Override
  public boolean confirm() {
    long now = scheduler.nanoTime();
    boolean held = lease.renew();
    renewed = held ? now : now - Durations.nanos(ttl);
    return held;
  }

  @Override
  public boolean keep() {
    return scheduler.nanoTime() - renewed < Durations.nanos(ttl) / 3 || confirm();
  }

  /**
   * Keeps it.
   *
   * @throws IllegalStateException if it was lost
   */
  public void require() {
    if (!keep()) {
      throw new IllegalStateException("somebody else took the lead: try again");
    }
  }

  @Override
  public boolean isCertain() {
    return scheduler.nanoTime() - renewed < Durations.nanos(ttl);
  }

  @Override
  public Optional<Lease> lease() {
    return Optional.of(lease);
  }

  /** Whatever was done is done, also where this fails: then the lease runs out. */
  @Override
  public void release() {
    try {
      lease.close();
    } catch (EventStoreException e) {
      LOG.debug("An operator's lease could not be given back and will run out", e);
    }
  }
}
