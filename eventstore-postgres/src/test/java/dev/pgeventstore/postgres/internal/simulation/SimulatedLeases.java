package dev.pgeventstore.postgres.internal.simulation;

import dev.pgeventstore.postgres.internal.simulation.SimulatedConnections.Answer;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Checkpoint;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Key;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Lease;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Table;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Transaction;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The functions of the database that keep leases, divide partitions and decline them, statement by
 * statement: between two of them others go on. They restate those of db/migration.
 */
final class SimulatedLeases {

  /** A row with a null in it. */
  private static final Object[] NOTHING = {null};

  private static final long RELUCTANT_MILLIS = 600_000;

  private final SimulatedPostgres postgres;
  private final SimulatedScheduler scheduler;
  private final Transaction in;

  SimulatedLeases(SimulatedPostgres postgres, Transaction in) {
    this.postgres = postgres;
    this.scheduler = postgres.scheduler();
    this.in = in;
  }

  private List<Table<Key, Checkpoint>.Cell> rows(String name) {
    return postgres.subscriptions.all().stream()
        .filter(cell -> cell.key.name().equals(name) && cell.seen(in) != null)
        .toList();
  }

  private Checkpoint at(Table<Key, Checkpoint>.Cell cell) {
    return Objects.requireNonNull(cell.seen(in), "row");
  }

  private Table<Key, Lease>.Cell leaseCell(Table<Key, Checkpoint>.Cell cell) {
    return postgres.leases.cell(cell.key);
  }

  private Lease lease(Table<Key, Checkpoint>.Cell cell) {
    return Objects.requireNonNull(leaseCell(cell).seen(in), "lease");
  }

  // keep_leases

  Answer keep(String owner, String[] names, Long[] times, String[] queries) throws SQLException {
    List<Object[]> answer = new ArrayList<>();
    for (int i = 0; i < names.length; i++) {
      if (isDeclaredOtherwise(names[i], queries[i])) {
        postgres.members.cell(new Key(names[i], owner)).write(in, null);
        tell(names[i], answer, null);
      } else {
        keep(owner, names[i], times[i], queries[i], answer);
      }
    }
    return Answer.rows(answer);
  }

  private boolean isDeclaredOtherwise(String name, String query) {
    return rows(name).stream().map(this::at).anyMatch(row -> !query.equals(row.query));
  }

  private void keep(String owner, String name, long time, String query, List<Object[]> answer)
      throws SQLException {
    Table<Key, Long>.Cell own = postgres.members.cell(new Key(name, owner));
    if (own.seen(in) == null) {
      join(owner, name, time);
    } else {
      own.write(in, postgres.clock() + time);
    }
    scheduler.point();
    for (Table<Key, Checkpoint>.Cell cell : rows(name)) {
      if (owner.equals(lease(cell).owner()) && leaseCell(cell).tryLock(in)) {
        leaseCell(cell).write(in, new Lease(owner, lease(cell).epoch(), postgres.clock() + time));
      }
    }
    scheduler.point();
    divideAnew(name);
    scheduler.point();
    List<String> live = live(name);
    while (take(owner, name, time, query, live)) {
      scheduler.point();
    }
    Member giver = giver(name, live);
    scheduler.point();
    tell(name, answer, giver != null && giver.owner.equals(owner) ? giver : null);
  }

  private void tell(String name, List<Object[]> answer, @Nullable Member gives) {
    for (Table<Key, Checkpoint>.Cell cell : rows(name)) {
      Checkpoint row = at(cell);
      Lease lease = lease(cell);
      answer.add(
          new Object[] {
            name,
            cell.key.number(),
            row.partitions,
            lease.epoch(),
            lease.owner(),
            lease.until() == null ? null : lease.until() - postgres.clock(),
            row.isStopped,
            row.error,
            gives != null
                && gives.owner.equals(lease.owner())
                && gives.partition == cell.key.number(),
            row.query
          });
    }
  }

  /** join_members. */
  private void join(String owner, String name, long time) throws SQLException {
    postgres.members.cell(new Key(name, owner)).write(in, postgres.clock() + time);
    for (Table<Key, Long>.Cell member : postgres.members.all()) {
      Long until = member.seen(in);
      if (member.key.name().equals(name)
          && until != null
          && until < postgres.clock() - 10 * time
          && member.tryLock(in)) {
        member.write(in, null);
      }
    }
    scheduler.point();
    for (Table<Key, Decline>.Cell decline : postgres.declines.all()) {
      Decline row = decline.seen(in);
      if (row != null
          && decline.key.name().equals(name)
          && (row.owner.equals(owner)
              || postgres.members.cell(new Key(name, row.owner)).seen(in) == null)
          && decline.tryLock(in)) {
        decline.write(in, null);
      }
    }
  }

  private List<String> live(String name) {
    List<String> live = new ArrayList<>();
    for (Table<Key, Long>.Cell member : postgres.members.all()) {
      Long until = member.seen(in);
      if (member.key.name().equals(name) && until != null && until > postgres.clock()) {
        live.add(member.key.part());
      }
    }
    return live;
  }

  /** How much a member is one for a partition. */
  private record Member(String owner, int partition, long held, int reluctance) {

    boolean isBefore(Member other) {
      return reluctance != other.reluctance ? reluctance < other.reluctance : held < other.held;
    }
  }

  /** members_by_partition. */
  private List<Member> members(String name, List<String> live) {
    List<Member> members = new ArrayList<>();
    for (Table<Key, Checkpoint>.Cell cell : rows(name)) {
      for (String member : live) {
        long held = rows(name).stream().filter(row -> member.equals(lease(row).owner())).count();
        members.add(
            new Member(
                member, cell.key.number(), held, reluctance(name, cell.key.number(), member)));
      }
    }
    return members;
  }

  private int reluctance(String name, int partition, String member) {
    Decline decline = postgres.declines.cell(Decline.key(name, partition, member)).seen(in);
    if (decline == null) {
      return 0;
    }
    if (decline.position > at(postgres.subscriptions.cell(Key.of(name, partition))).position) {
      return 2;
    }
    return decline.at > postgres.clock() - RELUCTANT_MILLIS ? 1 : 0;
  }

  private boolean take(String owner, String name, long time, String query, List<String> live)
      throws SQLException {
    List<Member> members = members(name, live);
    for (Table<Key, Checkpoint>.Cell cell : rows(name)) {
      if (isFree(cell)
          && isFor(owner, cell.key.number(), members)
          && query.equals(at(cell).query)
          && leaseCell(cell).tryLock(in)
          && cell.tryLock(in)) {
        boolean givenBack = lease(cell).owner() == null;
        scheduler.point();
        Checkpoint taken = at(cell).with(row -> take(row, owner, givenBack));
        cell.write(in, taken);
        scheduler.point();
        leaseCell(cell).write(in, new Lease(owner, taken.epoch, postgres.clock() + time));
        return true;
      }
    }
    return false;
  }

  private static void take(Checkpoint row, String owner, boolean givenBack) {
    if (!givenBack && row.attemptPosition == null) {
      row.attempts++;
    }
    row.owner = owner;
    row.epoch++;
  }

  private boolean isFree(Table<Key, Checkpoint>.Cell cell) {
    Lease lease = lease(cell);
    return !at(cell).isStopped
        && (lease.owner() == null || (lease.until() != null && lease.until() < postgres.clock()));
  }

  private static boolean isFor(String owner, int partition, List<Member> members) {
    List<Member> those = members.stream().filter(m -> m.partition == partition).toList();
    return those.stream()
        .filter(m -> m.owner.equals(owner))
        .anyMatch(mine -> those.stream().noneMatch(other -> other.isBefore(mine)));
  }

  private @Nullable Member giver(String name, List<String> live) {
    List<Member> members = members(name, live);
    return members.stream()
        .filter(
            m ->
                m.owner.equals(
                    lease(postgres.subscriptions.cell(Key.of(name, m.partition))).owner()))
        .filter(
            m ->
                members.stream()
                    .anyMatch(
                        other ->
                            other.partition == m.partition
                                && other.held + 1 < m.held
                                && other.reluctance <= m.reluctance))
        .min(
            Comparator.comparing((Member m) -> -m.held)
                .thenComparing(Member::owner)
                .thenComparing(m -> -m.partition))
        .orElse(null);
  }

  // divide_anew

  private void divideAnew(String name) throws SQLException {
    List<Table<Key, Checkpoint>.Cell> rows = rows(name);
    if (rows.stream().allMatch(cell -> at(cell).nextPartitions == null)) {
      return;
    }
    boolean all = true;
    for (Table<Key, Checkpoint>.Cell cell : rows) {
      all &= cell.tryLock(in) && leaseCell(cell).tryLock(in);
    }
    scheduler.point();
    long barrier = 0;
    long epoch = 0;
    Integer next = null;
    String query = null;
    boolean waits = !all;
    rows = rows(name);
    for (Table<Key, Checkpoint>.Cell cell : rows) {
      Checkpoint row = at(cell);
      epoch = Math.max(epoch, row.epoch);
      query = row.query;
      if (row.barrier != null) {
        barrier = Math.max(barrier, row.barrier);
        waits |= row.position < row.barrier;
      }
      next = row.nextPartitions == null ? next : row.nextPartitions;
    }
    if (next == null || waits) {
      return;
    }
    for (int i = 0; i < Math.max(next, rows.size()); i++) {
      Checkpoint divided = new Checkpoint();
      divided.position = barrier;
      divided.partitions = next;
      divided.epoch = epoch + 1;
      divided.query = query;
      Key key = Key.of(name, i);
      postgres.leases.cell(key).write(in, i < next ? Lease.FREE : null);
      postgres.subscriptions.cell(key).write(in, i < next ? divided : null);
    }
    for (Table<Key, Decline>.Cell decline : postgres.declines.all()) {
      if (decline.key.name().equals(name)) {
        decline.write(in, null);
      }
    }
  }

  // arrange_partitions

  Answer arrange(
      String name, int partitions, long start, String query, @Nullable String owner, long time)
      throws SQLException {
    Table<Key, Checkpoint>.Cell first = postgres.subscriptions.cell(Key.of(name, 0));
    if (first.seen(in) == null) {
      first.lock(in);
    }
    if (first.seen(in) == null) {
      for (int i = 0; i < partitions; i++) {
        Checkpoint made = new Checkpoint();
        made.position = start;
        made.partitions = partitions;
        made.query = query;
        postgres.leases.cell(Key.of(name, i)).write(in, Lease.FREE);
        postgres.subscriptions.cell(Key.of(name, i)).write(in, made);
      }
    } else {
      scheduler.point();
      for (Table<Key, Checkpoint>.Cell cell : rows(name)) {
        cell.lock(in);
      }
      scheduler.point();
      for (Table<Key, Checkpoint>.Cell cell : rows(name)) {
        leaseCell(cell).lock(in);
      }
      scheduler.point();
      String declared = at(first).query;
      if (!query.equals(declared)) {
        return Answer.row(declared);
      }
      arrangeAnew(rows(name), partitions);
      divideAnew(name);
    }
    if (owner != null) {
      join(owner, name, time);
    }
    return Answer.row(NOTHING);
  }

  private void arrangeAnew(List<Table<Key, Checkpoint>.Cell> rows, int partitions)
      throws SQLException {
    int of = rows.stream().mapToInt(cell -> at(cell).partitions).max().orElse(0);
    long furthest = rows.stream().mapToLong(cell -> at(cell).position).max().orElse(0);
    Integer wanted = of == partitions ? null : partitions;
    for (Table<Key, Checkpoint>.Cell cell : rows) {
      cell.write(
          in,
          at(cell)
              .with(
                  row -> {
                    if (!Objects.equals(row.nextPartitions, wanted)) {
                      row.barrier = wanted == null ? null : (Long) furthest;
                      row.nextPartitions = wanted;
                    }
                    if (row.isStopped) {
                      row.isStopped = false;
                      row.error = null;
                      row.attempts = 0;
                      row.attemptPosition = null;
                    }
                  }));
    }
  }

  // decline_partition

  Answer decline(String name, int partition, String owner, long epoch, long position)
      throws SQLException {
    Table<Key, Checkpoint>.Cell cell = postgres.subscriptions.cell(Key.of(name, partition));
    cell.lock(in);
    Checkpoint own = cell.seen(in);
    if (own == null || !owner.equals(own.owner) || epoch != own.epoch) {
      return Answer.row(NOTHING);
    }
    scheduler.point();
    leaseCell(cell).lock(in);
    if (!owner.equals(lease(cell).owner()) || epoch != lease(cell).epoch()) {
      return Answer.row(NOTHING);
    }
    postgres
        .declines
        .cell(Decline.key(name, partition, owner))
        .write(in, new Decline(position, postgres.clock(), owner));
    scheduler.point();
    boolean othersMayKnow =
        live(name).stream()
            .anyMatch(member -> !member.equals(owner) && reluctance(name, partition, member) < 2);
    if (!othersMayKnow) {
      return Answer.row(false);
    }
    leaseCell(cell).write(in, lease(cell).givenBack());
    cell.write(
        in,
        own.with(
            row -> {
              if (Objects.equals(row.attemptPosition, position)) {
                row.attempts = Math.max(row.attempts - 1, 0);
                row.attemptPosition = row.attempts == 0 ? null : row.attemptPosition;
              }
            }));
    return Answer.row(true);
  }

  /** A row of subscription_declines. */
  record Decline(long position, long at, String owner) {

    static Key key(String name, int partition, String owner) {
      return new Key(name, "%08d/%s".formatted(partition, owner));
    }
  }
}
