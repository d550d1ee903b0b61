package dev.pgeventstore.benchmarks;

import dev.pgeventstore.testkit.servers.PostgresServer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * All kinds of works. A kind that could disturb another has its own database, so that logs that are
 * read do not change.
 */
final class Kinds implements AutoCloseable {

  private final PostgresServer server;
  private final Options options;
  private final Deque<AutoCloseable> opened = new ArrayDeque<>();

  Kinds(PostgresServer server, Options options) {
    this.server = server;
    this.options = options;
  }

  /** Prepares the chosen works. */
  List<Work> prepare() throws Exception {
    List<Work> works = new ArrayList<>();
    for (Works kind : all()) {
      opened.push(kind);
      List<Work> chosen = kind.all().stream().filter(options::choose).toList();
      if (!chosen.isEmpty()) {
        System.out.println("preparing: " + chosen.get(0).name() + " and what is like it");
        kind.prepare();
        works.addAll(chosen);
      }
    }
    return works;
  }

  private List<Works> all() throws Exception {
    int plainConnections = Capacity.plainConnections(server);
    Stage writing = stage();
    Writers writers = new Writers(writing, writing::newStream);
    List<Works> all = new ArrayList<>();
    all.add(new AppendWorks(options, writers, plainConnections));
    all.add(new PipelineWorks(writing, options, writers, plainConnections));
    all.add(new HotStreamWorks(writing, options));
    all.add(new RetryWorks(stage()));
    all.add(new ImportWorks(stage(), options));
    all.add(new LoadWorks(stage(), options));
    all.add(new CatchUpWorks(stage(), options));
    all.add(new CategoryWorks(stage(), options));
    all.add(new ProjectionWorks(stage(), options));
    all.add(new LatencyWorks(writing, options));
    all.add(new ObservedWorks(writing, options, writers));
    all.add(new InstrumentedWorks(writing, options, writers));
    all.add(new IdleWorks(stage(), options));
    Kafka kafka = new Kafka();
    opened.push(kafka);
    all.add(new RelayWorks(stage(), kafka, options));
    all.add(new RelayLatencyWorks(stage(), kafka, options));
    if (StoredWorks.areWanted("--stored", options.stored())) {
      all.add(new StoredWorks(stage(), stage(), options.stored(), options));
    }
    if (StoredWorks.areWanted("--stored-large", options.storedLarge())) {
      all.add(new StoredWorks(stage(), stage(), options.storedLarge(), options));
    }
    return all;
  }

  private Stage stage() throws Exception {
    Stage stage = new Stage(server);
    opened.push(stage);
    return stage;
  }

  /** Closes in the reverse order of opening. */
  @Override
  public void close() throws Exception {
    while (!opened.isEmpty()) {
      opened.pop().close();
    }
  }
}
