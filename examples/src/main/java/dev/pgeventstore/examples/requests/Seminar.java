package dev.pgeventstore.examples.requests;

import dev.pgeventstore.aggregate.Evolution;
import dev.pgeventstore.examples.requests.SeminarEvent.Announced;
import dev.pgeventstore.examples.requests.SeminarEvent.Booked;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * A seminar, and the rules for its seats.
 *
 * @param seats the number of seats; 0 if the seminar was not announced
 * @param people the people who have a seat
 */
record Seminar(int seats, Set<String> people) {

  static final Evolution<Seminar, SeminarEvent> EVOLUTION =
      Evolution.of(new Seminar(0, Set.of()), Seminar::after);

  Seminar after(SeminarEvent event) {
    if (event instanceof Announced announced) {
      return new Seminar(announced.seats(), people);
    }
    Set<String> more = new TreeSet<>(people);
    more.add(((Booked) event).person());
    return new Seminar(seats, more);
  }

  List<SeminarEvent> announce(int number) {
    if (seats > 0) {
      throw new RefusedException("the seminar was announced already");
    }
    return List.of(new Announced(number));
  }

  List<SeminarEvent> book(String person) {
    if (seats == 0) {
      throw new RefusedException("there is no such seminar");
    }
    if (people.contains(person)) {
      throw new RefusedException(person + " has a seat already");
    }
    if (people.size() == seats) {
      throw new RefusedException("all %d seats are taken".formatted(seats));
    }
    return List.of(new Booked(person));
  }
}
