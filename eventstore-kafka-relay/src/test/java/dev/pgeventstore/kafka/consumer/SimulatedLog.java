package dev.pgeventstore.kafka.consumer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * A partition as the relays leave it: every lane sends what comes next of its own, in transactions
 * of any size that are committed or aborted, or at least once, interleaved with others', and may be
 * rewound.
 */
final class SimulatedLog {

  private static final int MOST_IN_A_TRANSACTION = 6;

  private final Random random;

  /** What each sequence is, repeats aside. */
  final Map<SequenceId, List<Place>> exact = new HashMap<>();

  private final Map<SequenceId, Integer> committed = new HashMap<>();
  private final Map<SequenceId, List<Integer>> open = new HashMap<>();

  final List<ConsumerRecord<byte[], byte[]>> log = new ArrayList<>();

  /** The first record that was sent after a rewind: it names none before it. */
  private final Map<SequenceId, Integer> rewoundTo = new HashMap<>();

  private int rewinds;

  SimulatedLog(Random random, int rewinds) {
    this.random = random;
    this.rewinds = rewinds;
    List<SequenceId> sequences = new ArrayList<>();
    for (String relay : new String[] {"shop", "shop~2", "stock"}) {
      for (int lane = 0; lane < 2; lane++) {
        sequences.add(new SequenceId(relay, lane, Records.TOPIC, 0));
      }
    }
    sequences.subList(random.nextInt(1, 7), 6).clear();
    for (SequenceId sequence : sequences) {
      exact.put(sequence, places());
      committed.put(sequence, 0);
    }
    while (!committed.entrySet().stream()
        .allMatch(each -> each.getValue() == exact.get(each.getKey()).size())) {
      step(sequences.get(random.nextInt(sequences.size())));
    }
  }

  private List<Place> places() {
    List<Place> places = new ArrayList<>();
    long position = 0;
    int length = random.nextInt(1, 40);
    while (places.size() < length) {
      position += random.nextInt(1, 4);
      int records = random.nextInt(4) == 0 ? random.nextInt(1, 4) : 1;
      for (int index = 0; index < records; index++) {
        places.add(Place.of(position, index));
      }
    }
    return places;
  }

  /** One record more of a transaction, or its end; the next one begins at what was committed. */
  private void step(SequenceId sequence) {
    List<Integer> sent = open.computeIfAbsent(sequence, key -> new ArrayList<>());
    int next = committed.get(sequence) + sent.size();
    boolean ends =
        next == exact.get(sequence).size()
            || sent.size() == MOST_IN_A_TRANSACTION
            || random.nextInt(4) == 0;
    if (!ends) {
      write(sequence, next);
      sent.add(next);
      return;
    }
    int survives =
        switch (random.nextInt(3)) {
          // Aborted: all of it is sent again, in transactions of other sizes.
          case 0 -> 0;
          // Sent at least once, and not all of it was acknowledged.
          case 1 -> random.nextInt(sent.size() + 1);
          default -> sent.size();
        };
    committed.merge(sequence, survives, Integer::sum);
    sent.clear();
    if (rewinds > 0 && random.nextInt(15) == 0) {
      rewinds--;
      int back = random.nextInt(committed.get(sequence) + 1);
      committed.put(sequence, back);
      rewoundTo.put(sequence, back);
    }
  }

  private void write(SequenceId sequence, int number) {
    List<Place> places = exact.get(sequence);
    boolean first = number == 0 || rewoundTo.getOrDefault(sequence, 0) == number;
    Place previous = first ? Place.START : places.get(number - 1);
    log.add(Records.event(places.get(number), previous).in(sequence).at(log.size()).make());
  }
}
