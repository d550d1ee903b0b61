package dev.pgeventstore.examples.statements;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.statements.AccountEvent.MonthClosed;
import dev.pgeventstore.kafka.record.CloudEvents;
import dev.pgeventstore.kafka.record.RecordMapper;
import dev.pgeventstore.kafka.record.RelayRecord;
import java.util.List;

/** Publishes a statement for each month, and nothing else of the bank's events. */
final class PublicStatements implements RecordMapper {

  private final CloudEvents cloudEvents = CloudEvents.from("/bank");

  @Override
  public List<RelayRecord> map(RecordedEvent event) {
    if (event.payload() instanceof MonthClosed closed) {
      String json =
          "{\"account\": \"%s\", \"month\": \"%s\", \"cents\": %d}"
              .formatted(event.stream().key(), closed.month(), closed.cents());
      // The statement has its own type and format, so the bank can change its events without
      // affecting readers.
      return List.of(cloudEvents.record(event).header("ce_type", "bank.statement.v1").value(json));
    }
    return List.of();
  }
}
