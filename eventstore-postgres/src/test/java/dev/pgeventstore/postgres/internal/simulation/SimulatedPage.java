package dev.pgeventstore.postgres.internal.simulation;

import dev.pgeventstore.postgres.internal.simulation.SimulatedConnections.Answer;
import dev.pgeventstore.postgres.internal.simulation.SimulatedPostgres.Event;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The statement that reads a page: what its parameters mean is read from its text. */
final class SimulatedPage {

  private static final int SMALL_BYTES = 8 * 1024;
  private static final Map<Integer, byte[]> DATA = new ConcurrentHashMap<>();

  private final List<Role> roles = new ArrayList<>();
  private final boolean leavesLargeOut;

  private enum Role {
    AFTER,
    UP_TO,
    INCARNATION,
    CATEGORY,
    CATEGORIES,
    TYPES,
    LIMIT,
    BYTES
  }

  SimulatedPage(String sql) {
    if (sql.contains("union all") || sql.contains(" or true")) {
      throw new IllegalStateException("teach SimulatedPage:\n" + sql);
    }
    leavesLargeOut = sql.contains("else data end");
    String text = sql.replaceAll("\\s+", " ");
    for (int at = text.indexOf('?'); at >= 0; at = text.indexOf('?', at + 1)) {
      roles.add(role(text.substring(0, at)));
    }
  }

  private static Role role(String before) {
    if (before.endsWith("position > ")) {
      return Role.AFTER;
    }
    if (before.endsWith("position <= ")) {
      return Role.UP_TO;
    }
    if (before.endsWith("collate \"C\", 0), ")) {
      return before.substring(0, before.lastIndexOf("(hash")).endsWith("<= ")
          ? Role.UP_TO
          : Role.AFTER;
    }
    if (before.endsWith("incarnation() = ")) {
      return Role.INCARNATION;
    }
    if (before.endsWith("hashtextextended(") || before.endsWith("and category = ")) {
      return Role.CATEGORY;
    }
    if (before.endsWith("category = any (")) {
      return Role.CATEGORIES;
    }
    if (before.endsWith("type = any (")) {
      return Role.TYPES;
    }
    if (before.endsWith("limit ")) {
      return Role.LIMIT;
    }
    if (before.endsWith("before < ")) {
      return Role.BYTES;
    }
    throw new IllegalStateException("teach SimulatedPage the parameter behind:\n" + before);
  }

  Answer read(SimulatedPostgres postgres, Object[] parameters) {
    long after = 0;
    long upTo = 0;
    long limit = Long.MAX_VALUE;
    long bytes = Long.MAX_VALUE;
    Set<String> categories = Set.of();
    Set<String> types = Set.of();
    boolean lives = true;
    for (int i = 0; i < roles.size(); i++) {
      Object value = parameters[i + 1];
      switch (roles.get(i)) {
        case AFTER -> after = (Long) value;
        case UP_TO -> upTo = (Long) value;
        case INCARNATION -> lives = postgres.incarnation().equals(value);
        case CATEGORY -> categories = Set.of((String) value);
        case CATEGORIES -> categories = Set.of((String[]) value);
        case TYPES -> types = Set.of((String[]) value);
        case LIMIT -> limit = (Integer) value;
        case BYTES -> bytes = (Long) value;
      }
    }
    List<Object[]> page = new ArrayList<>();
    long before = 0;
    for (Event event : lives ? postgres.committed(after, upTo) : List.<Event>of()) {
      if (page.size() == limit || before >= bytes) {
        break;
      }
      if ((categories.isEmpty() || categories.contains(event.category()))
          && (types.isEmpty() || types.contains(event.type()))) {
        page.add(row(event, before));
        before += event.bytes();
      }
    }
    return Answer.rows(page);
  }

  private Object[] row(Event event, long before) {
    boolean brings = !leavesLargeOut || event.bytes() <= SMALL_BYTES;
    return new Object[] {
      event.position(),
      event.stream(),
      event.version(),
      event.id(),
      event.type(),
      1,
      brings ? DATA.computeIfAbsent(event.bytes(), byte[]::new) : null,
      null,
      Instant.ofEpochMilli(event.at()).atOffset(ZoneOffset.UTC),
      before
    };
  }
}
