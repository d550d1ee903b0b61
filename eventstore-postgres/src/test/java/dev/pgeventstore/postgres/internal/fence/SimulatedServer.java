package dev.pgeventstore.postgres.internal.fence;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A server reduced to what the fence depends on: transactions of events and of messages take the
 * lock, draw positions, become visible, and only then release the lock. Between the two halves of
 * an observation anything may happen.
 */
final class SimulatedServer {

  private static final int BACKENDS = 6;

  private final Random random;
  private final long seed;
  private final boolean preparedKeepTheirName;
  private final List<Transaction> open = new ArrayList<>();
  private final Set<Long> visible = new HashSet<>();
  private final Set<Long> dead = new HashSet<>();
  private final int[] numbers = new int[BACKENDS];
  private final Fence fence = new Fence(0);
  private long lastPosition;
  private long mark;
  private final @Nullable Mistake mistake;

  /** What the fence must not do, or must not be done to it. */
  enum Mistake {
    /** Everything that was drawn counts as settled. */
    IGNORES_ALL_LOCKS,
    /** Messages are written under a lock that is not counted. */
    IGNORES_THE_LOCKS_OF_MESSAGES,
    /** A message has its position before it has the lock. */
    DRAWS_BEFORE_THE_LOCK,
    /** Who holds the lock is read before what was drawn. */
    LOOKS_AT_LOCKS_FIRST
  }

  SimulatedServer(long seed, boolean preparedKeepTheirName) {
    this(seed, preparedKeepTheirName, null);
  }

  SimulatedServer(long seed, boolean preparedKeepTheirName, @Nullable Mistake mistake) {
    this.mistake = mistake;
    this.random = new Random(seed);
    this.seed = seed;
    this.preparedKeepTheirName = preparedKeepTheirName;
  }

  void run(int observations) {
    for (int i = 0; i < observations; i++) {
      steps();
      observe(this::steps);
    }
    while (!open.isEmpty()) {
      step(open.get(0), true);
    }
    observe(() -> {});
    assertThat(mark).as("mark when all is quiet, seed %d", seed).isEqualTo(lastPosition);
  }

  private void observe(Runnable meanwhile) {
    long seen = lastPosition;
    List<Holder> holders = holders();
    meanwhile.run();
    if (mistake == Mistake.LOOKS_AT_LOCKS_FIRST) {
      seen = lastPosition;
    } else {
      holders = holders();
    }
    // What was settled at an earlier observation stays so.
    long settled = mark;
    mark = fence.observe(seen, holders);
    // A reader's page is read later still: whatever has been committed by now it sees.
    for (long position = settled + 1; position <= mark; position++) {
      assertThat(visible.contains(position) || dead.contains(position))
          .as("position %d is settled below mark %d, seed %d", position, mark, seed)
          .isTrue();
    }
  }

  private List<Holder> holders() {
    return open.stream()
        .filter(t -> t.locked && mistake != Mistake.IGNORES_ALL_LOCKS)
        .filter(t -> !t.ofMessages || mistake != Mistake.IGNORES_THE_LOCKS_OF_MESSAGES)
        .map(Transaction::asHolder)
        .distinct()
        .toList();
  }

  private void steps() {
    for (int i = random.nextInt(6); i > 0; i--) {
      Transaction chosen = choose();
      if (chosen != null) {
        step(chosen, false);
      }
    }
  }

  private @Nullable Transaction choose() {
    if (open.size() < BACKENDS && random.nextInt(3) == 0) {
      for (int backend = 0; backend < BACKENDS; backend++) {
        int b = backend;
        if (open.stream().noneMatch(t -> t.backend == b && !t.prepared)) {
          Transaction begun = new Transaction(b, ++numbers[b]);
          open.add(begun);
          return begun;
        }
      }
    }
    return open.isEmpty() ? null : open.get(random.nextInt(open.size()));
  }

  private void step(Transaction transaction, boolean toTheEnd) {
    if (transaction.ended) {
      open.remove(transaction);
    } else if (!transaction.locked) {
      if (mistake == Mistake.DRAWS_BEFORE_THE_LOCK
          && transaction.ofMessages
          && transaction.positions.isEmpty()) {
        transaction.positions.add(++lastPosition);
      } else {
        transaction.locked = true;
      }
    } else if (transaction.positions.isEmpty() || (!toTheEnd && random.nextInt(3) == 0)) {
      if (!transaction.prepared) {
        transaction.positions.add(++lastPosition);
      }
    } else if (!transaction.prepared && random.nextInt(8) == 0) {
      transaction.prepared = true;
    } else if (random.nextInt(10) == 0) {
      transaction.ended = true;
      dead.addAll(transaction.positions);
    } else {
      transaction.ended = true;
      visible.addAll(transaction.positions);
    }
  }

  private final class Transaction {
    final int backend;
    final int number;
    final List<Long> positions = new ArrayList<>();
    final boolean ofMessages = random.nextBoolean();
    boolean locked;
    boolean prepared;

    /** Visible or dead, but still holding the lock. */
    boolean ended;

    Transaction(int backend, int number) {
      this.backend = backend;
      this.number = number;
    }

    Holder asHolder() {
      if (prepared) {
        return new Holder((preparedKeepTheirName ? backend : "-1") + "/" + number, true);
      }
      return new Holder(backend + "/" + (ended ? 0 : number), false);
    }
  }
}
