package dev.pgeventstore.projection;

import dev.pgeventstore.subscription.EventBatch;
import java.sql.Connection;

/**
 * What a projection is made of: its tables, and what events do to them. The same definition serves
 * versions that follow the store, tables that are written in the transactions of appends, and
 * answers on demand; so it names no table itself, but uses the name it is given.
 *
 * <p>All connections are those of a transaction that the caller ends. They refuse to commit, roll
 * back or close; savepoints work. A definition that ends the transaction by other means has failed.
 * The isolation level cannot be set, since the transaction has already run a query.
 */
@FunctionalInterface
public interface ProjectionDefinition {

  /**
   * Makes the tables of a version. The default is nothing, for tables that are made otherwise.
   *
   * @param table the name to give to the table, and to begin the names of further tables,
   *     constraints and indexes with: those of two versions exist beside each other
   * @param connection of the transaction in which the version comes into being
   * @throws Exception if that is impossible; then there is no such version. Only if the definition
   *     has committed the transaction by other means, the version and what it made until then
   *     remain
   */
  default void create(String table, Connection connection) throws Exception {}

  /**
   * Applies some events. What it writes commits together with the checkpoint, or with the append.
   *
   * @param table whose rows to write
   * @param batch the events, and the transaction that they are applied in
   * @throws Exception if they cannot be applied: the transaction is rolled back
   */
  void handle(String table, EventBatch batch) throws Exception;

  /**
   * Shows a version to readers, such as by {@code create or replace view visits as select * from
   * visits_v2}. It commits together with the change of the live version. The default is nothing,
   * for readers that ask for {@link Projections#liveVersion}.
   *
   * <p>Locks are waited for one second at a time; if that is not enough, everything is rolled back
   * and retried, so it may be called several times.
   *
   * @param table of the version that becomes the live one
   * @param connection of the transaction
   * @throws Exception if that is impossible; then the live version stays
   */
  default void promote(String table, Connection connection) throws Exception {}

  /**
   * Removes the tables of a version. The default is nothing.
   *
   * @param table of a version that is not live
   * @param connection of the transaction in which the version ceases to be
   * @throws Exception if that is impossible; then the version stays
   */
  default void drop(String table, Connection connection) throws Exception {}
}
