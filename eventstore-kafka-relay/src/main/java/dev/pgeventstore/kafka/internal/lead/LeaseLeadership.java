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
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Leads by a lease kept in the database. For one thread. */
public final class LeaseLeadership implements Leadership {

  private static final Logger LOG = LoggerFactory.getLogger(LeaseLeadership.class);
  private static final Duration SHORTEST_TTL_OF_OPERATORS = Duration.ofSeconds(30);

  private final Scheduler scheduler;
  private final EventFeed feed;
  private final String name;
  private final int lane;
  private final String owner;
  private final Duration ttl;

  /** One that was lost stays until this is released: nothing is noted by it, and that shows. */
  private @Nullable Lease lease;

  private boolean held;
  private long renewed;

  public LeaseLeadership(
      Scheduler scheduler, EventFeed feed, String name, int lane, String owner, Duration ttl) {
    this.scheduler = scheduler;
    this.feed = feed;
    this.name = name;
    this.lane = lane;
    this.owner = owner;
    this.ttl = ttl;
  }

  /** Takes the lead of a lane for an operator, from the relay that has it. */
  public static LeaseLeadership seized(
      Scheduler scheduler, EventFeed feed, RelaySpec spec, int lane) {
    // It must outlast the time for which an operator waits for the relay that led before.
    Duration twice = spec.leaseTtl().multipliedBy(2);
    Duration ttl =
        twice.compareTo(SHORTEST_TTL_OF_OPERATORS) > 0 ? twice : SHORTEST_TTL_OF_OPERATORS;
    LeaseLeadership lead =
        new LeaseLeadership(
            scheduler, feed, spec.leaseName(), lane, "operator-" + UUID.randomUUID(), ttl);
    lead.renewed = scheduler.nanoTime();
    lead.lease = feed.seizeLease(lead.name, lane, lead.owner, ttl);
    lead.held = true;
    return lead;
  }

  @Override
  public boolean acquire() {
    if (held) {
      return confirm();
    }
    long now = scheduler.nanoTime();
    Optional<Lease> taken = feed.tryLease(name, lane, owner, ttl);
    lease = taken.orElse(null);
    held = taken.isPresent();
    renewed = now;
    return held;
  }

  @Override
  public boolean confirm() {
    long now = scheduler.nanoTime();
    held = held && lease != null && lease.renew();
    if (held) {
      renewed = now;
    }
    return held;
  }

  @Override
  public boolean keep() {
    boolean due = scheduler.nanoTime() - renewed > Durations.nanos(ttl) / 3;
    return due ? confirm() : held;
  }

  /**
   * Keeps it.
   *
   * @throws IllegalStateException if it was lost
   */
  public void require() {
    if (!keep()) {
      throw new IllegalStateException("another process took the lead: try again");
    }
  }

  @Override
  public boolean isCertain() {
    return held && scheduler.nanoTime() - renewed < Durations.nanos(ttl);
  }

  @Override
  public Optional<Lease> lease() {
    return Optional.ofNullable(lease);
  }

  /** Where this fails, the lease expires. */
  @Override
  public void release() {
    Lease last = lease;
    lease = null;
    held = false;
    if (last != null) {
      try {
        last.close();
      } catch (EventStoreException e) {
        LOG.debug("The lease of {} could not be released and will expire", name, e);
      }
    }
  }
}
