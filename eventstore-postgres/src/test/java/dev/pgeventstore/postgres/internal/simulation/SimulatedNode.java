package dev.pgeventstore.postgres.internal.simulation;

import dev.pgeventstore.EncodedEvent;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.Metadata;
import dev.pgeventstore.NewEvent;
import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.fence.FenceView;
import dev.pgeventstore.postgres.internal.fence.HighWaterMark;
import dev.pgeventstore.postgres.internal.subscribe.CommitSignals;
import dev.pgeventstore.postgres.internal.subscribe.Engine;
import dev.pgeventstore.postgres.internal.subscribe.PostgresFeed;
import dev.pgeventstore.postgres.internal.subscribe.SubscriptionRuns;
import dev.pgeventstore.postgres.internal.subscribe.SubscriptionTables;
import dev.pgeventstore.postgres.internal.tables.Connections;
import dev.pgeventstore.postgres.internal.tables.EventsTable;
import dev.pgeventstore.postgres.internal.tables.FenceFunction;
import dev.pgeventstore.postgres.internal.tables.FenceFunction.Observation;
import dev.pgeventstore.postgres.internal.tables.PooledConnections;
import dev.pgeventstore.postgres.internal.tables.Schema;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** A process with a store: the engine's own classes, on the simulated scheduler and database. */
final class SimulatedNode {

  private static final Duration POLL = Duration.ofMillis(250);
  private static final Duration PATIENCE = Duration.ofSeconds(4);

  final SimulatedScheduler.Node process;
  final Engine engine;
  final HighWaterMark highWaterMark;
  final CommitSignals signals;
  final PostgresFeed feed;
  final SubscriptionRuns subscriptions;
  final Map<String, Subscription> running = new HashMap<>();

  SimulatedNode(SimulatedPostgres postgres, SimulatedScheduler.Node process) {
    this(postgres, process, UnaryOperator.identity());
  }

  /**
   * @param pool what becomes of the node's connections
   */
  SimulatedNode(
      SimulatedPostgres postgres,
      SimulatedScheduler.Node process,
      UnaryOperator<Connections> pool) {
    this.process = process;
    Schema schema = new Schema("eventstore");
    Connections connections =
        pool.apply(new PooledConnections(SimulatedConnections.of(postgres, process)));
    FenceFunction fence = new FenceFunction(schema);
    EventsTable events = new EventsTable(schema, new NoCodec());
    engine =
        new Engine(
            process,
            connections,
            new SimulatedNotifications(postgres, process),
            () -> new View(connections),
            POLL,
            true);
    highWaterMark = engine.mark(fence);
    signals = engine.signals(SimulatedNotifications.CHANNEL, highWaterMark);
    feed = new PostgresFeed(engine, schema, events, fence, highWaterMark, signals);
    subscriptions =
        new SubscriptionRuns(
            engine,
            feed.readers(),
            new SubscriptionTables(connections, schema, events),
            highWaterMark,
            signals,
            process.name());
  }

  void close() {
    subscriptions.close();
    signals.close();
    feed.close();
    highWaterMark.close();
    engine.close();
  }

  private record View(Connections connections) implements FenceView {

    @Override
    public Observation observe(FenceFunction fence) throws SQLException {
      return connections.use(connection -> fence.observe(connection, PATIENCE));
    }

    @Override
    public List<Observation> observeAll(List<FenceFunction> fences) throws SQLException {
      // There is one store.
      return List.of(observe(fences.get(0)));
    }

    @Override
    public long settled(FenceFunction fence) throws SQLException {
      return connections.use(connection -> fence.settled(connection, PATIENCE));
    }

    @Override
    public void release() {}
  }

  /** Nobody looks into the events. */
  private static final class NoCodec implements EventCodec {

    private static UnsupportedOperationException none() {
      return new UnsupportedOperationException("simulated events have no content");
    }

    @Override
    public EncodedEvent encode(NewEvent event, StreamId stream) {
      throw none();
    }

    @Override
    public Object decode(RecordedEvent event) {
      throw none();
    }

    @Override
    public String typeName(Class<?> payloadClass) {
      throw none();
    }

    @Override
    public byte[] encodeMetadata(Metadata metadata) {
      throw none();
    }

    @Override
    public Metadata decodeMetadata(byte[] json) {
      throw none();
    }
  }
}
