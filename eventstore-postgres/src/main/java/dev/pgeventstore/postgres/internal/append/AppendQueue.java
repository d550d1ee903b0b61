package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.AppendRequest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Appends that wait to be sent; decides which are sent together. Not safe for several threads.
 *
 * <p>Appends are sent in the order in which they arrived. An append is postponed if another
 * transaction holds the row of its stream. Later appends overtake it, unless they touch the same
 * streams.
 */
final class AppendQueue {

  private static final int MAX_APPENDS = 10_000;
  private static final long MAX_BYTES = 64L << 20;

  private static final int BATCH_APPENDS = 256;
  private static final int BATCH_ROWS = 2_000;
  private static final int BATCH_BYTES = 1 << 20;

  private final ArrayDeque<PendingAppend> waiting = new ArrayDeque<>();
  private long bytes;
  private int delayed;

  /** Whether there is room for one more append. */
  boolean hasRoom() {
    return waiting.size() < MAX_APPENDS && bytes < MAX_BYTES;
  }

  boolean isEmpty() {
    return waiting.isEmpty();
  }

  int size() {
    return waiting.size();
  }

  /** The append that arrived first. */
  @Nullable PendingAppend first() {
    return waiting.peekFirst();
  }

  void add(PendingAppend append) {
    waiting.addLast(append);
    bytes += append.request().bytes();
  }

  /** Puts appends that could not be written yet back at the front, in their order. */
  void putOff(List<PendingAppend> busy, long nowNanos) {
    for (int i = busy.size() - 1; i >= 0; i--) {
      PendingAppend append = busy.get(i);
      append.delay(nowNanos);
      waiting.addFirst(append);
      bytes += append.request().bytes();
      delayed++;
    }
  }

  /** Removes an append whose caller no longer waits; false if the append has already been taken. */
  boolean remove(PendingAppend append) {
    boolean removed = waiting.remove(append);
    if (removed) {
      left(append);
    }
    return removed;
  }

  /** Removes all waiting appends. */
  List<PendingAppend> removeAll() {
    List<PendingAppend> removed = List.copyOf(waiting);
    waiting.clear();
    removed.forEach(this::left);
    return removed;
  }

  /**
   * Removes the appends that the same thread made to the same stream after one of the given ones.
   */
  List<PendingAppend> removeThoseBehind(List<PendingAppend> appends) {
    Map<Thread, Set<StreamId>> streams = new HashMap<>();
    for (PendingAppend append : appends) {
      streams
          .computeIfAbsent(append.caller(), unused -> new HashSet<>())
          .addAll(append.request().streams());
    }
    List<PendingAppend> removed = new ArrayList<>();
    for (PendingAppend append : waiting) {
      Set<StreamId> ofCaller = streams.getOrDefault(append.caller(), Set.of());
      if (!Collections.disjoint(ofCaller, append.request().streams())) {
        removed.add(append);
      }
    }
    waiting.removeAll(new HashSet<>(removed));
    removed.forEach(this::left);
    return removed;
  }

  private void left(PendingAppend append) {
    bytes -= append.request().bytes();
    if (append.isDelayed()) {
      delayed--;
    }
  }

  /** Takes the appends that are sent together next; none if all must wait. */
  List<PendingAppend> take(long nowNanos) {
    Batch batch = new Batch();
    Set<StreamId> held = new HashSet<>();
    ArrayDeque<PendingAppend> left = new ArrayDeque<>();
    while (!batch.isFull()) {
      PendingAppend next = waiting.pollFirst();
      if (next == null) {
        break;
      }
      if (hasToWait(next, held, nowNanos) || !batch.add(next)) {
        held.addAll(next.request().streams());
        left.addLast(next);
      }
    }
    while (!left.isEmpty()) {
      waiting.addFirst(left.removeLast());
    }
    batch.appends.forEach(this::left);
    return batch.appends;
  }

  private static boolean hasToWait(PendingAppend append, Set<StreamId> held, long nowNanos) {
    return append.nanosUntilDue(nowNanos) > 0
        || (!held.isEmpty() && !Collections.disjoint(held, append.request().streams()));
  }

  /** How long until a postponed append may be retried. */
  long nanosUntilDue(long nowNanos) {
    long soonest = Long.MAX_VALUE;
    if (delayed > 0) {
      for (PendingAppend append : waiting) {
        if (append.isDelayed()) {
          soonest = Math.min(soonest, append.nanosUntilDue(nowNanos));
        }
      }
    }
    return soonest;
  }

  /** Appends that are sent together, up to a limited size. */
  private static final class Batch {
    private final List<PendingAppend> appends = new ArrayList<>();

    /** The ids of all appends, once one of the appends looks up its ids. */
    private @Nullable Set<UUID> ids;

    private int rows;
    private boolean hasMessages;
    private int bytes;

    boolean isFull() {
      return hasMessages
          || appends.size() >= BATCH_APPENDS
          || rows >= BATCH_ROWS
          || bytes >= BATCH_BYTES;
    }

    boolean add(PendingAppend append) {
      AppendRequest request = append.request();
      if (request.hasMessages() && !appends.isEmpty()) {
        // The messages of a batch are written after all of its events, so those of later appends
        // would precede them.
        return false;
      }
      if (!canStandBesideOthers(request)) {
        return false;
      }
      appends.add(append);
      hasMessages = request.hasMessages();
      rows += request.rowCount();
      bytes += request.bytes();
      return true;
    }

    /**
     * Ids are looked up in what is stored, so a retry cannot be sent together with its first
     * attempt.
     */
    private boolean canStandBesideOthers(AppendRequest request) {
      boolean looks = request.looksForIds();
      if (looks && ids == null) {
        ids = new HashSet<>();
        for (PendingAppend before : appends) {
          ids.addAll(before.request().ids());
        }
      }
      if (ids == null) {
        return true;
      }
      List<UUID> more = request.ids();
      if (looks && !Collections.disjoint(ids, more)) {
        return false;
      }
      ids.addAll(more);
      return true;
    }
  }
}
