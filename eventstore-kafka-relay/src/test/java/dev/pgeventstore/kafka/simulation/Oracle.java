package dev.pgeventstore.kafka.simulation;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.kafka.Delivery;
import dev.pgeventstore.kafka.SimulatedRelays;
import dev.pgeventstore.kafka.simulation.Plan.Poison;
import dev.pgeventstore.kafka.simulation.Plan.Setting;
import dev.pgeventstore.kafka.simulation.SimulatedBroker.Written;
import dev.pgeventstore.kafka.simulation.SimulatedDatabase.State;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/**
 * Knows what must hold, and ends the run when it does not.
 *
 * <ul>
 *   <li>Exactly once: with each transaction, what a reader of committed records finds of a lane is
 *       what one history of the store has up to the position that is noted, in its order, each
 *       once.
 *   <li>At least once: whenever a position is noted, the same, once repeats are dropped by their
 *       places.
 *   <li>A relay halts only where history was lost, a position was, or it was told to.
 *   <li>In the end each lane has published all that the store has, or has halted with a reason.
 * </ul>
 */
final class Oracle {

  /** What a relay may halt for. */
  enum Excuse {
    HISTORY_LOST,
    POSITIONS_LOST,
    DELIVERY_CHANGED,
    POISON
  }

  private static final Pattern NO_REASON =
      Pattern.compile(
          "InvariantBroken|NullPointer|NumberFormat|IndexOutOf|ClassCast|IllegalArgument|NoSuchElement");

  /** What was sent, at its place. */
  private record Sent(long position, int index, String id) {

    boolean isBehind(Sent other) {
      return position > other.position || (position == other.position && index > other.index);
    }
  }

  /** What a lane has published in one order, by partition. */
  private static final class Order {
    private final Map<String, List<Sent>> sent = new TreeMap<>();
    private long start = -1;

    private boolean rewound;

    /** Messages that a former series had published, whose rows were gone. */
    private Set<Long> gone = Set.of();

    void add(TopicPartition partition, Sent one) {
      // Those messages come again after a rewind that were not deleted yet.
      boolean mayRepeat = rewound && partition.topic().equals(Item.MESSAGES);
      Sent last = last(partition);
      if (!mayRepeat || last == null || one.isBehind(last)) {
        sent.computeIfAbsent(partition.toString(), p -> new ArrayList<>()).add(one);
      }
    }

    private @Nullable Sent last(TopicPartition partition) {
      List<Sent> list = sent.get(partition.toString());
      return list == null || list.isEmpty() ? null : list.get(list.size() - 1);
    }

    /** Events behind a position come again. */
    void rewind(long position) {
      rewound = true;
      sent.forEach(
          (partition, list) -> {
            if (!partition.startsWith(Item.MESSAGES)) {
              list.removeIf(one -> one.position > position);
            }
          });
    }

    Map<String, List<String>> ids(long upTo) {
      Map<String, List<String>> ids = new TreeMap<>();
      sent.forEach(
          (partition, list) -> {
            List<String> some =
                list.stream().filter(one -> one.position <= upTo).map(Sent::id).toList();
            if (!some.isEmpty()) {
              ids.put(partition, some);
            }
          });
      return ids;
    }
  }

  private final SimulatedScheduler scheduler;
  private final Setting setting;
  private final Map<String, Order> orders = new HashMap<>();
  private final Map<Integer, Map<String, String>> noted = new HashMap<>();

  /** What was there when a history ended. */
  private final List<TreeMap<Long, Item>> histories = new ArrayList<>();

  private final List<SimulatedDatabase> databases = new ArrayList<>();
  private final Set<Excuse> excuses = EnumSet.noneOf(Excuse.class);
  private Delivery delivery;

  Oracle(SimulatedScheduler scheduler, Setting setting) {
    this.scheduler = scheduler;
    this.setting = setting;
    this.delivery = setting.delivery();
  }

  private RuntimeException fail(String message, Object... facts) {
    return scheduler.fail(new AssertionError(message.formatted(facts)));
  }

  void excuse(Excuse excuse) {
    excuses.add(excuse);
  }

  boolean isExcused(Excuse excuse) {
    return excuses.contains(excuse);
  }

  void delivers(Delivery from) {
    delivery = from;
  }

  void exists(SimulatedDatabase database) {
    databases.add(database);
  }

  /** A database goes back to an earlier state, or begins another incarnation in the same one. */
  void restarting(SimulatedDatabase database, State kept) {
    if (!kept.items().equals(database.now().items())) {
      histories.add(database.now().items());
      excuse(Excuse.HISTORY_LOST);
    } else if (!kept.leases().equals(database.now().leases())) {
      excuse(Excuse.HISTORY_LOST);
    }
  }

  // What is published.

  /** A transaction is committed. */
  void committed(List<Written> records) {
    int lane = -1;
    Map<String, @Nullable String> changes = new HashMap<>();
    for (Written written : records) {
      ProducerRecord<byte[], byte[]> record = written.entry().record;
      if (record != null && record.topic().startsWith("eventstore-positions")) {
        lane = record.partition();
        changes.putAll(change(record));
      }
    }
    if (lane < 0) {
      throw fail("a transaction notes nothing: %s", records);
    }
    Map<String, String> notes = noted.computeIfAbsent(lane, l -> new TreeMap<>());
    apply(notes, changes);
    Order order = order(lane, notes, changes);
    for (Written written : records) {
      ProducerRecord<byte[], byte[]> record = written.entry().record;
      if (record != null && !record.topic().startsWith("eventstore-positions")) {
        order.add(written.partition(), sent(lane, notes, record));
      }
    }
    if (changes.containsKey("position")) {
      long all = order.rewound ? SimulatedRelays.position(notes).orElse(0L) : Long.MAX_VALUE;
      check(lane, order, notes, all);
    }
  }

  /** The position topic is another one, with what it has. */
  void noted(SimulatedBroker.@Nullable Topic topic) {
    noted.clear();
    for (int lane = 0; topic != null && lane < topic.partitions().size(); lane++) {
      Map<String, String> notes = noted.computeIfAbsent(lane, l -> new TreeMap<>());
      for (SimulatedBroker.Entry entry : topic.partitions().get(lane)) {
        if (entry.record != null) {
          apply(notes, change(entry.record));
        }
      }
    }
  }

  /** What all lanes have noted. */
  List<Map<String, String>> notes(SimulatedDatabase database) {
    List<Map<String, String>> all = new ArrayList<>();
    for (int lane = 0; lane < setting.lanes(); lane++) {
      all.add(new TreeMap<>(notes(database, lane)));
    }
    return all;
  }

  /**
   * Notes that were lost are there again: nothing waits, or is passed over, that was not before.
   */
  void recovered(List<Map<String, String>> before, List<Map<String, String>> after) {
    for (int lane = 0; lane < before.size(); lane++) {
      Map<String, String> was = before.get(lane);
      Map<String, String> is = after.get(lane);
      long position = SimulatedRelays.position(is).orElse(-1L);
      boolean same = was.keySet().containsAll(named(is, "skip/").keySet());
      for (Map.Entry<String, String> parked : named(was, "parked/").entrySet()) {
        String now = is.get(parked.getKey());
        same &=
            now == null
                ? since(parked.getValue()) > position
                : since(now) == since(parked.getValue());
      }
      for (Map.Entry<String, String> parked : named(is, "parked/").entrySet()) {
        same &=
            was.containsKey(parked.getKey()) || was.containsKey("skip/" + since(parked.getValue()));
      }
      if (!same) {
        throw fail("lane %d has noted %s, and is recovered as %s", lane, was, is);
      }
    }
  }

  private static Map<String, String> named(Map<String, String> notes, String prefix) {
    Map<String, String> some = new TreeMap<>(notes);
    some.keySet().removeIf(name -> !name.startsWith(prefix));
    return some;
  }

  private static Map<String, @Nullable String> change(ProducerRecord<byte[], byte[]> record) {
    Map<String, @Nullable String> change = new HashMap<>();
    change.put(
        new String(record.key(), UTF_8).replaceFirst("^lane/\\d+/", ""),
        record.value() == null ? null : new String(record.value(), UTF_8));
    return change;
  }

  private static void apply(Map<String, String> notes, Map<String, @Nullable String> changes) {
    changes.forEach(
        (name, text) -> {
          if (text == null) {
            notes.remove(name);
          } else {
            notes.put(name, text);
          }
        });
  }

  /** The order that a lane is in, once it is as the changed notes say. */
  private Order order(int lane, Map<String, String> notes, Map<String, @Nullable String> changes) {
    Order order =
        orders.computeIfAbsent(SimulatedRelays.series(notes) + "/" + lane, key -> new Order());
    if (order.start < 0) {
      order.start = SimulatedRelays.start(notes);
      if (SimulatedRelays.series(notes) > 1) {
        order.gone = databases.get(0).now().deleted();
      }
    }
    boolean rewound =
        changes.entrySet().stream()
            .anyMatch(
                note ->
                    note.getKey().startsWith("audit/")
                        && String.valueOf(note.getValue()).startsWith("rewind to "));
    if (rewound && delivery == Delivery.EXACTLY_ONCE) {
      order.rewind(SimulatedRelays.position(notes).orElse(0L));
    }
    return order;
  }

  private Sent sent(int lane, Map<String, String> notes, ProducerRecord<byte[], byte[]> record) {
    String series = header(record, "es_relay");
    int number = SimulatedRelays.series(notes);
    String expected = number == 1 ? Item.RELAY : Item.RELAY + '~' + number;
    if (!series.equals(expected) || !header(record, "es_lane").equals(Integer.toString(lane))) {
      throw fail("lane %d in series %d sends %s", lane, number, record);
    }
    return sent(record);
  }

  private static Sent sent(ProducerRecord<byte[], byte[]> record) {
    return new Sent(
        Long.parseLong(header(record, "es_position")),
        Integer.parseInt(header(record, "es_index")),
        new String(record.value(), UTF_8));
  }

  private static String header(ProducerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null ? "" : new String(header.value(), UTF_8);
  }

  /** A record is there, without a transaction. */
  void sent(TopicPartition partition, ProducerRecord<byte[], byte[]> record) {
    String series = header(record, "es_relay");
    int number = series.contains("~") ? Integer.parseInt(series.replaceFirst(".*~", "")) : 1;
    Order order =
        orders.computeIfAbsent(number + "/" + header(record, "es_lane"), key -> new Order());
    Sent one = sent(record);
    Sent last = order.last(partition);
    if (last == null || one.isBehind(last)) {
      order.add(partition, one);
    }
  }

  /** A lane's notes are changed in the database. */
  void notedInDatabase(
      SimulatedDatabase database,
      int lane,
      Map<String, String> notes,
      Map<String, @Nullable String> changes) {
    if (delivery == Delivery.AT_LEAST_ONCE && changes.containsKey("position")) {
      Order order = order(lane, notes, changes);
      check(lane, order, notes, SimulatedRelays.position(notes).orElse(0L));
    }
  }

  /** What is published must be what a history has. */
  private void check(int lane, Order order, Map<String, String> notes, long upTo) {
    long position = SimulatedRelays.position(notes).orElse(0L);
    Map<String, List<String>> actual = order.ids(upTo);
    for (SimulatedDatabase database : databases) {
      if (actual.equals(expected(database.now().items(), lane, order, position, notes))) {
        return;
      }
    }
    for (TreeMap<Long, Item> history : histories) {
      if (actual.equals(expected(history, lane, order, position, notes))) {
        return;
      }
    }
    TreeMap<Long, Item> now = databases.get(0).now().items();
    throw fail(
        "lane %d notes position %d and has published %s, but the store has %s",
        lane, position, named(actual), named(expected(now, lane, order, position, notes)));
  }

  private Map<String, List<String>> expected(
      TreeMap<Long, Item> items, int lane, Order order, long upTo, Map<String, String> notes) {
    Map<String, List<String>> expected = new TreeMap<>();
    long after = Math.max(0, order.start);
    if (upTo <= after) {
      return expected;
    }
    for (Item item : items.subMap(after, false, upTo, true).values()) {
      if (item.lane(setting.lanes()) == lane
          && !order.gone.contains(item.position())
          && isWanted(item, notes)) {
        boolean dead = item.poison() && setting.poison() == Poison.DEAD_LETTER;
        String topic = dead ? Plan.DEAD_LETTERS : item.topic();
        int number =
            Utils.toPositive(Utils.murmur2(item.stream().toString().getBytes(UTF_8)))
                % Plan.PARTITIONS;
        expected
            .computeIfAbsent(topic + '-' + number, p -> new ArrayList<>())
            .add(dead ? "{}" : item.id().toString());
      }
    }
    return expected;
  }

  private static boolean isWanted(Item item, Map<String, String> notes) {
    if (notes.containsKey("skip/" + item.position())) {
      return false;
    }
    String parked = notes.get("parked/" + item.stream());
    return parked == null || !item.isEvent() || item.position() < since(parked);
  }

  private static long since(String parked) {
    return parked
        .lines()
        .filter(line -> line.startsWith("since="))
        .mapToLong(line -> Long.parseLong(line.substring("since=".length())))
        .findFirst()
        .orElse(Long.MAX_VALUE);
  }

  /** Ids are too long to compare by eye. */
  private Map<String, List<String>> named(Map<String, List<String>> ids) {
    Map<String, String> names = new HashMap<>();
    histories.forEach(
        history -> history.values().forEach(item -> names.put(item.id().toString(), item + "!")));
    databases.forEach(
        database ->
            database
                .now()
                .items()
                .values()
                .forEach(item -> names.put(item.id().toString(), item.toString())));
    Map<String, List<String>> named = new TreeMap<>();
    ids.forEach(
        (partition, list) ->
            named.put(partition, list.stream().map(id -> names.getOrDefault(id, id)).toList()));
    return named;
  }

  // The end.

  private Map<String, String> notes(SimulatedDatabase database, int lane) {
    if (delivery == Delivery.EXACTLY_ONCE) {
      return noted.getOrDefault(lane, Map.of());
    }
    SimulatedDatabase.Lease lease = database.now().leases().get("relay/" + Item.RELAY + '/' + lane);
    return lease == null ? Map.of() : lease.notes();
  }

  /** Whether a lane has published all that a database has. */
  boolean hasArrived(SimulatedDatabase database, int lane) {
    return missing(database, lane).isEmpty();
  }

  /** What a lane has yet to do; empty if nothing. */
  String missing(SimulatedDatabase database, int lane) {
    TreeMap<Long, Item> items = database.now().items();
    if (items.isEmpty()) {
      return "";
    }
    Map<String, String> notes = notes(database, lane);
    long position = SimulatedRelays.position(notes).orElse(0L);
    Order order = orders.getOrDefault(SimulatedRelays.series(notes) + "/" + lane, new Order());
    Map<String, List<String>> actual = order.ids(Long.MAX_VALUE);
    Map<String, List<String>> wanted = expected(items, lane, order, Long.MAX_VALUE, notes);
    if (position >= items.lastKey() && actual.equals(wanted)) {
      return "";
    }
    return "lane %d stands at position %d of %d and has published %s, but the store has %s"
        .formatted(lane, position, items.lastKey(), named(actual), named(wanted));
  }

  /** A lane of a relay has halted. */
  void halted(int lane, String reason) {
    if (reason.isBlank() || NO_REASON.matcher(reason).find()) {
      throw fail("lane %d has halted and gives no reason, but %s", lane, reason);
    }
    if (excuses.isEmpty()) {
      throw fail("lane %d has halted, and nothing was lost: %s", lane, reason);
    }
  }
}
