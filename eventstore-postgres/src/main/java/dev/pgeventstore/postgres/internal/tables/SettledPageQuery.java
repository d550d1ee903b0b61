package dev.pgeventstore.postgres.internal.tables;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.EventQuery.Alternative;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The statement that reads a page of the settled order, for one query. Immutable.
 *
 * <p>Positions up to the high-water mark are final (docs/adr/0001): no hole below it can ever fill.
 * A server in another incarnation than the mark's returns nothing: each statement compares the
 * incarnation once.
 *
 * <p>If every alternative names categories, directly or by a prefix that reaches the {@code -},
 * each category is read through its index (docs/adr/0008). All other queries read in the order of
 * positions, and filter out events that do not match.
 *
 * <p>It is longer than other classes because the statement has several forms, and each must be
 * readable as a whole.
 */
public final class SettledPageQuery {

  /**
   * A page is read from each category and these are merged into one, so more categories would read
   * too much.
   */
  private static final int MAX_CATEGORIES = 8;

  private static final String BY_POSITION =
      EventsTable.COLUMNS
          + """
             where position > ?
               and position <= ?
               and $schema.incarnation() = ?
               and not_hidden
               %s
             order by position
             limit ?
            """
              .replace("not_hidden", EventsTable.NOT_HIDDEN);

  // Compared and ordered as rows, so that no plan can use the index on position, whatever the
  // statistics are. The planner would prefer that index for a category that the statistics show as
  // frequent, and search the whole log for a rare one.
  private static final String OF_CATEGORY =
      EventsTable.COLUMNS
          + """
             where (hashtextextended(category, 0), position)
                   > (hashtextextended(? collate "C", 0), ?)
               and (hashtextextended(category, 0), position)
                   <= (hashtextextended(? collate "C", 0), ?)
               and category = ?
               and $schema.incarnation() = ?
               and not_hidden
               %s
             order by hashtextextended(category, 0), position
             limit ?
            """
              .replace("not_hidden", EventsTable.NOT_HIDDEN);

  private static final String OF_CATEGORIES =
      """
      select * from (%s) as pages
       order by position
       limit ?
      """;

  /**
   * Events with more bytes are large. The limit is low, because hundreds of events may each take as
   * much.
   */
  static final int SMALL_BYTES = 8 * 1024;

  // The stored size is known without fetching values that are stored out of line. For compressed
  // values it is not the size that the client would receive.
  private static final String IS_LARGE =
      """
      pg_column_size(%1$s) > %2$d
      or (pg_column_compression(%1$s) is not null and octet_length(%1$s::text) > %2$d)""";

  private static final String WITHOUT_LARGE_ONES =
      EventsTable.COLUMNS.replace(
          "data, metadata",
          """
          case when (%1$s) or (%2$s) then null else data end as data,
          case when (%2$s) then null else metadata end as metadata"""
              .formatted(
                  IS_LARGE.formatted("data", SMALL_BYTES),
                  IS_LARGE.formatted("metadata", SMALL_BYTES)));

  private static final String BYTES =
      """
      case when pg_column_compression(%1$s) is null then pg_column_size(%1$s)
           else octet_length(%1$s::text) end""";

  // In the order of the page, so that the end of the page is left out.
  private static final String WITHIN_BYTES =
      """
      select position, stream_id, version, id, type, revision, data, metadata, recorded_at, before
        from (select page.*,
                     coalesce(
                       sum(%s + coalesce(%s, 0))
                         over (order by position
                                rows between unbounded preceding and 1 preceding),
                       0) as before
                from (page_itself) as page) as pages
       where before < ?
       order by position
      """
          .formatted(BYTES.formatted("data"), BYTES.formatted("metadata"));

  // Set until the end of this round trip. A plan that was made for a small table, or for one that
  // has changed since, reads and sorts the whole table for every page, and may be kept for a long
  // time.
  private static final String BY_INDEX_ONLY =
      """
      select set_config('enable_seqscan', 'off', true),
             set_config('enable_bitmapscan', 'off', true),
             set_config('enable_sort', 'off', true);
      """;

  private final Access access;
  private final boolean wholeStreams;
  private final String page;
  private final List<Object> parameters = new ArrayList<>();

  private SettledPageQuery(EventQuery query) {
    wholeStreams = query.alternatives().stream().allMatch(wanted -> wanted.types().isEmpty());
    Map<String, List<Alternative>> categories = byCategory(query);
    if (categories == null) {
      access = Access.BY_POSITION;
      parameters.addAll(List.of(Place.AFTER, Place.UP_TO, Place.INCARNATION));
      page = BY_POSITION.formatted(query.matchesAll() ? "" : anyOf(query.alternatives()));
      parameters.add(Place.LIMIT);
      return;
    }
    List<String> pages = new ArrayList<>();
    boolean filtered = false;
    for (var category : categories.entrySet()) {
      boolean all = category.getValue().stream().anyMatch(SettledPageQuery::isWholeCategory);
      filtered |= !all;
      parameters.addAll(
          List.of(
              category.getKey(),
              Place.AFTER,
              category.getKey(),
              Place.UP_TO,
              category.getKey(),
              Place.INCARNATION));
      pages.add(OF_CATEGORY.formatted(all ? "" : anyOf(category.getValue())));
      parameters.add(Place.LIMIT);
    }
    access = filtered ? Access.FILTERED_CATEGORY : Access.CATEGORY;
    if (pages.size() == 1) {
      page = pages.get(0);
    } else {
      page = OF_CATEGORIES.formatted("(" + String.join(") union all (", pages) + ")");
      parameters.add(Place.LIMIT);
    }
  }

  static SettledPageQuery of(EventQuery query) {
    return new SettledPageQuery(query);
  }

  /** The alternatives for each category; null if events of unnamed categories can match. */
  private static @Nullable Map<String, List<Alternative>> byCategory(EventQuery query) {
    Map<String, List<Alternative>> categories = new TreeMap<>();
    for (Alternative alternative : query.alternatives()) {
      Set<String> named = categories(alternative);
      if (named.isEmpty()) {
        return null;
      }
      for (String category : named) {
        categories.computeIfAbsent(category, c -> new ArrayList<>()).add(alternative);
      }
    }
    return categories.size() > MAX_CATEGORIES ? null : categories;
  }

  private static Set<String> categories(Alternative alternative) {
    String prefix = alternative.streamPrefix().orElse("");
    int dash = prefix.indexOf('-');
    return alternative.categories().isEmpty() && dash >= 0
        ? Set.of(prefix.substring(0, dash))
        : alternative.categories();
  }

  /**
   * Whether an alternative is a whole category. This includes a prefix that is a category and its
   * {@code -}.
   */
  private static boolean isWholeCategory(Alternative alternative) {
    return alternative.types().isEmpty()
        && (alternative.streamPrefix().isEmpty()
            || (alternative.categories().isEmpty()
                && alternative.streamPrefix().get().indexOf('-')
                    == alternative.streamPrefix().get().length() - 1));
  }

  private String anyOf(List<Alternative> alternatives) {
    StringBuilder any = new StringBuilder("and (");
    String or = "";
    for (Alternative alternative : alternatives) {
      any.append(or).append("true");
      or = " or ";
      if (!alternative.categories().isEmpty()) {
        any.append(" and category = any (?)");
        parameters.add(alternative.categories().toArray(String[]::new));
      }
      if (!alternative.types().isEmpty()) {
        any.append(" and type = any (?)");
        parameters.add(alternative.types().toArray(String[]::new));
      }
      if (alternative.streamPrefix().isPresent()) {
        any.append(" and starts_with(stream_id, ?)");
        parameters.add(alternative.streamPrefix().get());
      }
    }
    return any.append(')').toString();
  }

  Access access() {
    return access;
  }

  /** Whether all events of a stream are wanted if one is. */
  boolean wantsWholeStreams() {
    return wholeStreams;
  }

  /** The SQL text, with a placeholder for the schema. */
  String sql() {
    return BY_INDEX_ONLY + page;
  }

  /** The same page, but large events have no data, only their places. */
  String withoutLargeOnes() {
    return BY_INDEX_ONLY + page.replace(EventsTable.COLUMNS, WITHOUT_LARGE_ONES);
  }

  /**
   * The beginning of the same page that fits into a number of bytes, which is an additional
   * parameter. An additional column has the size of the preceding events in bytes.
   */
  String withinBytes() {
    return BY_INDEX_ONLY + WITHIN_BYTES.replace("page_itself", page);
  }

  ResultSet execute(
      PreparedStatement statement, long after, long upTo, String incarnation, int limit)
      throws SQLException {
    bind(statement, after, upTo, incarnation, limit);
    return execute(statement);
  }

  /** Executes {@link #withinBytes()}. */
  ResultSet executeWithin(
      PreparedStatement statement,
      long after,
      long upTo,
      String incarnation,
      int limit,
      long maxBytes)
      throws SQLException {
    int last = bind(statement, after, upTo, incarnation, limit);
    statement.setLong(last, maxBytes);
    return execute(statement);
  }

  private static ResultSet execute(PreparedStatement statement) throws SQLException {
    statement.execute();
    statement.getMoreResults(); // after the results of the settings
    return statement.getResultSet();
  }

  /** Returns the number of the parameter after the last. */
  private int bind(
      PreparedStatement statement, long after, long upTo, String incarnation, int limit)
      throws SQLException {
    int next = 1;
    for (Object parameter : parameters) {
      if (parameter instanceof String[] names) {
        statement.setArray(next, statement.getConnection().createArrayOf("text", names));
      } else if (parameter instanceof String text) {
        statement.setString(next, text);
      } else {
        switch ((Place) parameter) {
          case AFTER -> statement.setLong(next, after);
          case UP_TO -> statement.setLong(next, upTo);
          case INCARNATION -> statement.setString(next, incarnation);
          case LIMIT -> statement.setInt(next, limit);
        }
      }
      next++;
    }
    return next;
  }

  /** How many unwanted rows a statement may have to read. */
  public enum Access {
    /** Any rows of the log. */
    BY_POSITION,
    /** Only rows of its categories. */
    FILTERED_CATEGORY,
    /** None. */
    CATEGORY
  }

  /** The values that are known when a page is read. */
  private enum Place {
    AFTER,
    UP_TO,
    INCARNATION,
    LIMIT
  }
}
