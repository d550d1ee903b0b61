package dev.pgeventstore.kafka.internal.lead;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.internal.Durations;
import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.spi.EventFeed;
import dev.pgeventstore.spi.Lease;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Leads by a lease kept in the database. For one thread. */
public final class LeaseLeadership implements Leadership {

  private static final Logger LOG = LoggerFactory.getLogger(LeaseLeadership.class);

  private final Scheduler scheduler;
  private final EventFeed feed;
  private final String name;
  private final int lane;
  private final String owner;
  private final Duration ttl;
  private @Nullable Lease lease;
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

  @Override
  public boolean acquire() {
    if (lease != null) {
      return confirm();
    }
    long now = scheduler.nanoTime();
    Optional<Lease> taken = feed.tryLease(name, lane, owner, ttl);
    lease = taken.orElse(null);
    renewed = now;
    return taken.isPresent();
  }

  @Override
  public boolean confirm() {
    Lease held = lease;
    if (held == null) {
      return false;
    }
    long now = scheduler.nanoTime();
    if (!held.renew()) {
      lease = null;
      return false;
    }
    renewed = now;
    return true;
  }

  @Override
  public boolean keep() {
    boolean due = scheduler.nanoTime() - renewed > Durations.nanos(ttl) / 3;
    return due ? confirm() : lease != null;
  }

  @Override
  public boolean isCertain() {
    return lease != null && scheduler.nanoTime() - renewed < Durations.nanos(ttl);
  }

  @Override
  public Optional<Lease> lease() {
    return Optional.ofNullable(lease);
  }

  @Override
  public void release() {
    Lease held = lease;
    lease = null;
    if (held != null) {
      try {
        held.close();
      } catch (EventStoreException e) {
        LOG.debug("The lease of {} could not be given back and will run out", name, e);
      }
    }
  }
}
