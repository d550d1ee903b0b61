package dev.pgeventstore.examples.flaky;

import dev.pgeventstore.RecordedEvent;
import dev.pgeventstore.examples.flaky.InvoiceEvent.Corrected;
import dev.pgeventstore.examples.flaky.InvoiceEvent.Issued;
import dev.pgeventstore.subscription.EventBatch;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;

/**
 * The book: a row for each event, in the order of entry. It has no constraint against repeated
 * rows.
 */
final class TaxBook {

  private static final String CREATE =
      """
      create table if not exists public.tax_book (
        entry bigint generated always as identity,
        version bigint not null,
        tax bigint not null,
        invoice text not null
      )
      """;

  private static final String ENTER =
      """
      insert into public.tax_book (version, tax, invoice)
      values (?, ?, ?)
      """;

  private static final String ALL =
      """
      select invoice, version, tax
        from public.tax_book
       order by entry
      """;

  private final DataSource database;
  private final TaxOffice office;

  TaxBook(DataSource database, TaxOffice office) {
    this.database = database;
    this.office = office;
  }

  void create() throws SQLException {
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement()) {
      statement.execute(CREATE);
    }
  }

  void enter(EventBatch batch) throws SQLException, IOException {
    try (PreparedStatement insert = batch.connection().prepareStatement(ENTER)) {
      for (RecordedEvent event : batch) {
        insert.setLong(1, event.version());
        insert.setLong(2, tax((InvoiceEvent) event.payload()));
        insert.setString(3, event.stream().key());
        insert.executeUpdate();
      }
    }
  }

  private long tax(InvoiceEvent event) throws IOException {
    if (event instanceof Issued issued) {
      return office.tax(issued.country(), issued.cents());
    }
    Corrected corrected = (Corrected) event;
    return office.tax(corrected.country(), corrected.cents());
  }

  List<Entry> entries() throws SQLException {
    List<Entry> entries = new ArrayList<>();
    try (Connection connection = database.getConnection();
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(ALL)) {
      while (rows.next()) {
        entries.add(
            new Entry(rows.getString("invoice"), rows.getLong("version"), rows.getLong("tax")));
      }
    }
    return entries;
  }

  /** A row of the book. */
  record Entry(String invoice, long version, long tax) {}
}
