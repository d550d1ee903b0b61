package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventQuery;
import dev.pgeventstore.postgres.internal.fence.Mark;
import dev.pgeventstore.postgres.internal.scheduling.Interleavings;
import dev.pgeventstore.postgres.internal.scheduling.Untimed;
import dev.pgeventstore.postgres.internal.subscribe.SharedPages.Source;
import dev.pgeventstore.spi.EventFeed.Durability;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Readers that share pages, in every order that the model checker comes to. */
@Tag("interleavings")
class SharedPagesInterleavingsTest {

  private static final EventQuery ORDERS = EventQuery.all().categories("order");
  private static final Mark MARK = new Mark(20, "this incarnation");
  private static final long ONE_PAGE = new SettledPage(0, 10, List.of(), MARK, 0).weight();

  /** Pages of ten positions, without events; each is read in a thread of its own. */
  private static final class Store {
    final AtomicInteger read = new AtomicInteger();
    final List<Thread> reading = new ArrayList<>();
    final SharedPages pages =
        new SharedPages(
            (query, durability) ->
                (after, mark, limit, now) -> {
                  read.incrementAndGet();
                  return new SettledPage(after, after + 10, List.of(), mark, now);
                },
            this::read,
            new Untimed());

    private void read(Runnable work) {
      Thread thread = new Thread(work);
      reading.add(thread);
      thread.start();
    }

    Source open() {
      return pages.open(ORDERS, Durability.VISIBLE);
    }

    void join() throws InterruptedException {
      for (Thread thread : List.copyOf(reading)) {
        thread.join();
      }
    }
  }

  /** While a page is being read, a second reader asks for it. */
  public static final class OnePage extends Interleavings {
    @Override
    protected void play() throws Exception {
      Store store = new Store();
      try (Source source = store.open()) {
        source.page(0, MARK, 10);
        Thread second = new Thread(() -> source.page(0, MARK, 10));
        second.start();
        second.join();
        store.join();
        require(store.read.get() == 1, "it is read once");
        require(store.pages.keptBytes() == ONE_PAGE, "it is kept");
      }
    }
  }

  @Test
  void a_page_that_two_readers_want_is_read_once() {
    Interleavings.explore(OnePage.class, 300);
  }

  /** A reader closes before its page has come. */
  public static final class Closing extends Interleavings {
    @Override
    protected void play() throws Exception {
      Store store = new Store();
      try (Source source = store.open()) {
        source.page(0, MARK, 10);
      }
      store.join();
      require(store.pages.keptBytes() == 0, "nothing is kept for nobody");
    }
  }

  @Test
  void a_page_that_comes_after_its_reader_has_gone_is_not_kept() {
    Interleavings.explore(Closing.class, 100);
  }

  /** Two readers of one query come near the mark and go. */
  public static final class LiveReaders extends Interleavings {
    @Override
    protected void play() throws Exception {
      Store store = new Store();
      Runnable reader =
          () -> {
            try (Source source = store.open()) {
              source.live(true);
              source.live(false);
            }
          };
      together(reader, reader);
      try (Source all = store.pages.open(EventQuery.all(), Durability.VISIBLE)) {
        all.live(true);
        require(!all.othersAreLive(), "who has gone is not live");
      }
    }
  }

  @Test
  void readers_that_have_gone_count_as_live_no_longer() {
    Interleavings.explore(LiveReaders.class, 300);
  }
}
