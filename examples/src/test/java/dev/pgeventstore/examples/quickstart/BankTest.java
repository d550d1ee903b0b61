package dev.pgeventstore.examples.quickstart;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import dev.pgeventstore.AppendResult;
import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.codec.EventTypes;
import dev.pgeventstore.codec.jackson.JacksonCodec;
import dev.pgeventstore.postgres.PostgresEventStore;
import dev.pgeventstore.subscription.Subscription;
import dev.pgeventstore.testkit.servers.Database;
import dev.pgeventstore.testkit.servers.PostgresExtension;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(PostgresExtension.class)
class BankTest {

  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private HikariDataSource pool;
  private EventStore store;
  private Bank bank;

  @BeforeEach
  void openBank(Database database) {
    pool = Quickstart.pool(database.url());
    store =
        PostgresEventStore.builder(pool)
            .codec(JacksonCodec.of(EventTypes.of(AccountEvent.class)))
            .build();
    bank = new Bank(store);
  }

  @AfterEach
  void closeBank() {
    store.close();
    pool.close();
  }

  @Test
  void no_account_pays_more_than_its_balance() {
    bank.open("ann", "Ann");
    bank.open("ben", "Ben");
    bank.deposit("ann", 10);

    assertThatThrownBy(() -> bank.transfer("ann", "ben", 11))
        .isInstanceOf(IllegalStateException.class);

    assertThat(balance("ann")).isEqualTo(10);
    assertThat(balance("ben")).isZero();
  }

  @Test
  void a_transfer_to_an_unknown_account_takes_nothing() {
    bank.open("ann", "Ann");
    bank.deposit("ann", 10);

    assertThatThrownBy(() -> bank.transfer("ann", "nobody", 5))
        .isInstanceOf(ConflictException.class);

    assertThat(balance("ann")).isEqualTo(10);
  }

  @Test
  void money_is_conserved_under_32_threads() throws Exception {
    int threads = 32;
    int accounts = 10;
    int transfers = 10;
    for (int account = 0; account < accounts; account++) {
      bank.open(name(account), "owner " + account);
      bank.deposit(name(account), 1_000_00);
    }
    Balances.createTable(pool);

    try (Subscription balances = Balances.follow(store)) {
      List<AppendResult> results = inParallel(threads, () -> transfers(accounts, transfers));
      for (AppendResult result : results) {
        balances.awaitApplied(result, PATIENCE);
      }
    }

    Map<String, Long> table = Balances.read(pool);
    assertThat(table).hasSize(accounts);
    assertThat(total(table)).isEqualTo(accounts * 1_000_00L);
    table.forEach((account, cents) -> assertThat(balance(account)).as(account).isEqualTo(cents));
    long events = 0;
    for (String account : table.keySet()) {
      events += bank.look(account).version();
    }
    assertThat(events).isEqualTo(2L * accounts + 2L * threads * transfers);
  }

  /** Makes transfers between random accounts; returns the last result. */
  private AppendResult transfers(int accounts, int count) {
    AppendResult last = null;
    for (int i = 0; i < count; i++) {
      int from = ThreadLocalRandom.current().nextInt(accounts);
      int to = (from + 1 + ThreadLocalRandom.current().nextInt(accounts - 1)) % accounts;
      last = bank.transfer(name(from), name(to), ThreadLocalRandom.current().nextInt(1, 100));
    }
    return last;
  }

  private static <T> List<T> inParallel(int threads, Callable<T> task) throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try {
      List<T> results = new ArrayList<>();
      for (Future<T> future : executor.invokeAll(Collections.nCopies(threads, task))) {
        results.add(future.get());
      }
      return results;
    } finally {
      executor.shutdownNow();
    }
  }

  private long balance(String account) {
    return bank.look(account).state().cents();
  }

  private static String name(int account) {
    return "account" + account;
  }

  private static long total(Map<String, Long> cents) {
    return cents.values().stream().mapToLong(Long::longValue).sum();
  }
}
