package dev.pgeventstore.postgres.internal.append;

/** Threads of the append path: none keeps the process alive. */
final class Threads {

  private Threads() {}

  static Thread daemon(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }
}
