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
 * A server in another life than the mark's answers nothing: its incarnation is compared once.
 *
 * <p>Where every alternative names categories, by itself or by a prefix that goes as far as the
 * {@code -}, each category is read through its index (docs/adr/0008). All others are read in the
 * order of positions, and what is not wanted is left out.
 */
public final class SettledPageQuery {

  /** A page is read from each category before one is made of them: more would read too much. */
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

  // Compared and ordered as rows, so that the index on position is of no use to any plan, whatever
  // the statistics say: with a category that they think is frequent it would be preferred, and a
  // rare one be looked for in the whole log.
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

  // Until the end of this round trip. A plan that was made for a small table, or for one that has
  // changed since, reads everything and sorts it, for every page; and it may be kept for long.
  private static final String BY_INDEX_ONLY =
      """
      select set_config('enable_seqscan', 'off', true),
             set_config('enable_bitmapscan', 'off', true),
             set_config('enable_sort', 'off', true);
      """;

  private final Access access;
  private final StringBuilder sql = new StringBuilder();
  private final List<Object> parameters = new ArrayList<>();

  private SettledPageQuery(EventQuery query) {
    Map<String, List<Alternative>> categories = byCategory(query);
    if (categories == null) {
      access = Access.BY_POSITION;
      parameters.addAll(List.of(Place.AFTER, Place.UP_TO, Place.INCARNATION));
      sql.append(BY_INDEX_ONLY);
      sql.append(BY_POSITION.formatted(query.matchesAll() ? "" : anyOf(query.alternatives())));
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
    sql.append(BY_INDEX_ONLY);
    if (pages.size() == 1) {
      sql.append(pages.get(0));
    } else {
      sql.append(OF_CATEGORIES.formatted("(" + String.join(") union all (", pages) + ")"));
      parameters.add(Place.LIMIT);
    }
  }

  static SettledPageQuery of(EventQuery query) {
    return new SettledPageQuery(query);
  }

  /** What is wanted of each category; null if something is wanted of categories not named. */
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

  /** Also of a prefix that is a category and its {@code -}. */
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

  /** The text, with the schema left open. */
  String sql() {
    return sql.toString();
  }

  ResultSet execute(
      PreparedStatement statement, long after, long upTo, String incarnation, int limit)
      throws SQLException {
    bind(statement, after, upTo, incarnation, limit);
    statement.execute();
    statement.getMoreResults(); // behind the settings
    return statement.getResultSet();
  }

  private void bind(
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
  }

  /** Through how many rows that are not wanted a statement may have to look. */
  public enum Access {
    /** Of all positions. */
    BY_POSITION,
    /** Of the rows of its categories. */
    FILTERED_CATEGORY,
    /** None. */
    CATEGORY
  }

  /** What is known when a page is read. */
  private enum Place {
    AFTER,
    UP_TO,
    INCARNATION,
    LIMIT
  }
}
