package dev.pgeventstore.examples.requests;

/** A command of a user. */
sealed interface Command {

  /** The seminar that the command is for. */
  String seminar();

  record Announce(String seminar, int seats) implements Command {}

  record Book(String seminar, String person) implements Command {}
}
