package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.internal.scheduling.Scheduler;
import dev.pgeventstore.spi.SubscriptionSpec;
import java.util.concurrent.locks.Lock;

/**
 * What a lane consists of.
 *
 * @param spec of its subscription
 * @param share which partition it handles
 * @param progress how far it has come
 * @param lease by which it handles that
 * @param news for log and listener
 * @param checkpoint where it stands in the database
 * @param transactions in which events are handled
 * @param declines what it cannot decode
 * @param oneByOne how it handles what has failed
 */
record LaneParts(
    SubscriptionSpec spec,
    Share share,
    Progress progress,
    LaneLease lease,
    LaneNews news,
    LaneCheckpoint checkpoint,
    LaneTransactions transactions,
    Declines declines,
    OneByOne oneByOne) {

  static LaneParts of(
      Scheduler scheduler,
      SubscriptionSpec spec,
      Share share,
      SubscriptionTables tables,
      Lock suspects,
      Progress progress,
      LaneNews news) {
    LaneLease lease = new LaneLease(scheduler);
    LaneCheckpoint checkpoint =
        new LaneCheckpoint(
            scheduler,
            tables.connections(),
            tables.checkpoints(),
            share.tenure(),
            spec.leaseTime());
    LaneTransactions transactions =
        new LaneTransactions(
            scheduler,
            spec,
            share.partition(),
            tables.connections(),
            tables.parked(),
            new Faults(tables),
            checkpoint,
            progress,
            news);
    Declines declines = new Declines(checkpoint);
    OneByOne oneByOne =
        new OneByOne(
            spec.failurePolicy(),
            checkpoint,
            transactions,
            declines,
            lease,
            suspects,
            progress,
            news);
    return new LaneParts(
        spec, share, progress, lease, news, checkpoint, transactions, declines, oneByOne);
  }
}
