package dev.pgeventstore.observability;

import dev.pgeventstore.projection.ProjectionDefinition;
import dev.pgeventstore.subscription.EventBatch;
import java.sql.Connection;

/** A definition of a projection with spans around the handling of events. */
final class TracedDefinition implements ProjectionDefinition {

  private final ProjectionDefinition definition;
  private final HandlerSpans spans;

  TracedDefinition(ProjectionDefinition definition, HandlerSpans spans) {
    this.definition = definition;
    this.spans = spans;
  }

  @Override
  public void create(String table, Connection connection) throws Exception {
    definition.create(table, connection);
  }

  @Override
  public void handle(String table, EventBatch batch) throws Exception {
    spans.around(batch, () -> definition.handle(table, batch));
  }

  @Override
  public void promote(String table, Connection connection) throws Exception {
    definition.promote(table, connection);
  }

  @Override
  public void drop(String table, Connection connection) throws Exception {
    definition.drop(table, connection);
  }
}
