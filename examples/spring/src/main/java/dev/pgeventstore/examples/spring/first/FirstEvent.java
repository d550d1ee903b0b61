package dev.pgeventstore.examples.spring.first;

// tag::first[]
import dev.pgeventstore.EventStore;
import dev.pgeventstore.ExpectedVersion;
import dev.pgeventstore.StreamId;
import dev.pgeventstore.codec.EventType;
import java.util.List;
import org.springframework.boot.CommandLineRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** The least that stores an event. */
@SpringBootApplication
public class FirstEvent {

  @EventType(name = "order-placed")
  record OrderPlaced(String item) {}

  @Bean
  CommandLineRunner place(EventStore store) {
    StreamId order = StreamId.of("order", "1");
    return args -> {
      store.append(order, ExpectedVersion.any(), List.of(new OrderPlaced("book")));
      System.out.println(store.read(order));
    };
  }

  public static void main(String[] args) {
    SpringApplication.run(FirstEvent.class, args);
  }
}
// end::first[]
