package dev.pgeventstore.postgres.internal.subscribe;

import dev.pgeventstore.EventStoreException;
import dev.pgeventstore.postgres.internal.tables.LeasesTable.Leased;
import dev.pgeventstore.subscription.QueryMismatchException;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;

/** Decides by the leases of a subscription whether it goes on at all. */
final class LeaseVerdict {

  private LeaseVerdict() {}

  /**
   * What ends a subscription on this node, if anything does.
   *
   * @param name of the subscription
   * @param query which events this node declares
   * @param leases of all its partitions
   * @param own what the handler of a partition has failed with on this node: it says more than what
   *     the database tells of it
   */
  static Optional<Throwable> end(
      String name, String query, List<Leased> leases, IntFunction<Optional<Throwable>> own) {
    Optional<String> other =
        leases.stream()
            .flatMap(lease -> lease.query().stream())
            .filter(declared -> !declared.equals(query))
            .findFirst();
    if (other.isPresent()) {
      return Optional.of(
          new QueryMismatchException(
              "subscription %s was declared anew with the query [%s]; this node declares [%s], so it has left. What it has not committed, a node that declares the new query handles"
                  .formatted(name, other.get(), query),
              other.get(),
              query));
    }
    Optional<Leased> stopped = leases.stream().filter(Leased::stopped).findFirst();
    if (stopped.isPresent()) {
      return own.apply(stopped.get().key().partition())
          .or(
              () ->
                  Optional.of(
                      new EventStoreException(
                          "subscription %s was stopped by an error: %s"
                              .formatted(name, stopped.get().error().orElse("unknown")))));
    }
    return leases.isEmpty()
        ? Optional.of(
            new EventStoreException(
                "subscription %s was removed: it has no checkpoint any more".formatted(name)))
        : Optional.empty();
  }
}
