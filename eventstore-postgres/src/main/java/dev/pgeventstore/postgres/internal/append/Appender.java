package dev.pgeventstore.postgres.internal.append;

import dev.pgeventstore.Append;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.Condition;
import dev.pgeventstore.Conflict;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventCodec;
import dev.pgeventstore.EventIdReusedException;
import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.Position;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.postgres.internal.tables.AppendFunction;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Answer;
import dev.pgeventstore.postgres.internal.tables.AppendFunction.Arguments;
import dev.pgeventstore.postgres.internal.tables.SqlErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Appends, each in one round trip and one transaction of its own, or in a caller's. */
public final class Appender {

  private static final Logger LOG = LoggerFactory.getLogger(Appender.class);

  /** Deadlocks come from callers' own transactions; whoever is chosen as the victim tries again. */
  private static final int TRIES = 5;

  private final DataSource dataSource;
  private final AppendFunction function;
  private final EventEncoder encoder;

  public Appender(
      DataSource dataSource, AppendFunction function, EventCodec codec, int maxDataBytes) {
    this.dataSource = dataSource;
    this.function = function;
    this.encoder = new EventEncoder(codec, maxDataBytes);
  }

  /** Appends in a transaction of its own. */
  public AppendResult append(Append append) {
    Arguments arguments = encoder.encode(append);
    for (int attempt = 1; ; attempt++) {
      try {
        return result(append, arguments, send(arguments));
      } catch (SQLException e) {
        if (!SqlErrors.isRolledBackByRace(e) || attempt == TRIES) {
          throw SqlErrors.ofAppend(append.toString(), e);
        }
      }
    }
  }

  private Answer send(Arguments arguments) throws SQLException {
    Connection connection = connect();
    try {
      return send(connection, arguments);
    } finally {
      giveBack(connection);
    }
  }

  /** The answer stands, whether or not the pool takes the connection back. */
  private static void giveBack(Connection connection) {
    try {
      connection.close();
    } catch (SQLException e) {
      LOG.debug("Closing the connection of an append failed", e);
    }
  }

  private Connection connect() {
    try {
      return dataSource.getConnection();
    } catch (SQLException e) {
      throw new EventStoreException(
          "no connection to the database, nothing was written: " + e.getMessage(), e);
    }
  }

  private Answer send(Connection connection, Arguments arguments) throws SQLException {
    if (connection.getAutoCommit()) {
      return function.call(connection, arguments);
    }
    boolean done = false;
    try {
      Answer answer = function.call(connection, arguments);
      connection.commit();
      done = true;
      return answer;
    } finally {
      if (!done && !connection.isClosed()) {
        connection.rollback();
      }
    }
  }

  /** Appends in the caller's transaction. */
  public AppendResult append(Append append, Connection connection) {
    Arguments arguments = encoder.encode(append);
    try {
      return result(append, arguments, function.call(connection, arguments));
    } catch (SQLException e) {
      throw SqlErrors.inCallersTransaction(append.toString(), e);
    }
  }

  private static AppendResult result(Append append, Arguments arguments, Answer answer) {
    switch (answer.outcome()) {
      case CONFLICT -> throw new ConflictException(conflicts(append, arguments, answer));
      case IDS_REUSED -> {
        StreamId stream = StreamId.parse(arguments.streams[answer.reusedIn()]);
        throw new EventIdReusedException(
            stream,
            "stream %s has events with these ids already, but not these events at this place:"
                    .formatted(stream)
                + " a retry must bring the same events in the same order; nothing was written");
      }
      default -> {}
    }
    Map<StreamId, Long> versions = new HashMap<>();
    for (StreamId stream : append.events().keySet()) {
      versions.put(stream, version(stream, arguments, answer));
    }
    return AppendResult.of(
        Position.of(answer.position()),
        versions,
        answer.outcome() == AppendFunction.Outcome.REPLAYED);
  }

  private static List<Conflict> conflicts(Append append, Arguments arguments, Answer answer) {
    List<Conflict> conflicts = new ArrayList<>();
    for (Condition condition : append.conditions()) {
      Condition.StreamVersion version = (Condition.StreamVersion) condition;
      long found = version(version.stream(), arguments, answer);
      if (!version.expected().isMetBy(found)) {
        conflicts.add(new Conflict.StreamVersion(version.stream(), version.expected(), found));
      }
    }
    return conflicts;
  }

  private static long version(StreamId stream, Arguments arguments, Answer answer) {
    return answer.versions()[List.of(arguments.streams).indexOf(stream.toString())];
  }
}
