package dev.pgeventstore.examples.requests;

/** What somebody wants. */
sealed interface Command {

  /** Which seminar it is about. */
  String seminar();

  record Announce(String seminar, int seats) implements Command {}

  record Book(String seminar, String person) implements Command {}
}
