package dev.pgeventstore.examples.groups;

import dev.pgeventstore.examples.topics.Topic;
import java.time.Duration;
import java.util.Queue;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** An instance of a service, which handles the records of its partitions until it is closed. */
final class Instance implements AutoCloseable {

  private static final Duration POLL = Duration.ofMillis(100);

  private final Topic users;
  private final String service;
  private final String name;
  private final Queue<Work> done;
  private final Thread thread;
  private volatile boolean closed;

  private Instance(Topic users, String service, String name, Queue<Work> done) {
    this.users = users;
    this.service = service;
    this.name = name;
    this.done = done;
    this.thread = new Thread(this::run, name);
  }

  static Instance start(Topic users, String service, String name, Queue<Work> done) {
    Instance instance = new Instance(users, service, name, done);
    instance.thread.start();
    return instance;
  }

  private void run() {
    // The group is the service, so its instances share the partitions. Another group gets all of
    // them, too.
    try (Consumer<String, String> consumer = users.subscribe(service)) {
      while (!closed) {
        for (ConsumerRecord<String, String> record : consumer.poll(POLL)) {
          String version = Topic.header(record, "es_version");
          done.add(new Work(service, name, record.key(), Long.parseLong(version)));
        }
        consumer.commitSync();
      }
    }
  }

  /** Leaves the group, so that another instance takes over immediately. */
  @Override
  public void close() throws InterruptedException {
    closed = true;
    thread.join();
  }

  /** An event that was handled. */
  record Work(String service, String instance, String user, long version) {}
}
