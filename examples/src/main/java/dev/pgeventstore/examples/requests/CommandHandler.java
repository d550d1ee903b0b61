package dev.pgeventstore.examples.requests;

import dev.pgeventstore.ConflictException;
import dev.pgeventstore.EventStore;
import dev.pgeventstore.aggregate.Aggregates;
import dev.pgeventstore.examples.requests.Command.Announce;
import dev.pgeventstore.examples.requests.Command.Book;
import dev.pgeventstore.examples.requests.Reply.Accepted;
import dev.pgeventstore.examples.requests.Reply.Refused;
import java.util.List;

/** Executes commands, and replies with their results. Safe for many threads. */
final class CommandHandler {

  private final Aggregates<Seminar, SeminarEvent> seminars;

  CommandHandler(EventStore store) {
    this.seminars = Aggregates.of(store, "seminar", Seminar.EVOLUTION).retries(50);
  }

  Reply handle(Command command) {
    try {
      return seminars
          .execute(command.seminar(), seminar -> decide(seminar, command))
          .appended()
          .<Reply>map(Accepted::new)
          .orElseThrow();
    } catch (RefusedException e) {
      return new Refused(e.getMessage());
    } catch (ConflictException e) {
      return new Refused("too many want the same at the same time, try again");
    }
  }

  private static List<SeminarEvent> decide(Seminar seminar, Command command) {
    if (command instanceof Announce announce) {
      return seminar.announce(announce.seats());
    }
    return seminar.book(((Book) command).person());
  }
}
