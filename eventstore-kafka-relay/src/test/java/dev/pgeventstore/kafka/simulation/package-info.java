/**
 * The deterministic simulation of the relay: its own code, on a scheduler that runs one task at a
 * time and chooses by a seed which one, between a database that is simulated behind the feed and a
 * broker that is simulated behind Kafka's clients (docs/adr/0023).
 *
 * <p>Consumers with marks read what it publishes into a database of their own, which is simulated
 * behind JDBC; {@link dev.pgeventstore.kafka.simulation.Effects} is their oracle.
 *
 * <p>A {@link dev.pgeventstore.kafka.simulation.Plan} says what happens: who appends, which nodes
 * run the relay, what fails, what operators do. A {@link
 * dev.pgeventstore.kafka.simulation.Simulation} runs it, and the {@link
 * dev.pgeventstore.kafka.simulation.Oracle} ends it as soon as something does not hold that must.
 * When a seed fails, the message has the seed, the plan with all left out that it does not need,
 * and the last steps.
 *
 * <p>A seed is run again, the same to the last step, by
 *
 * <pre>{@code
 * ./mvnw -pl eventstore-kafka-relay -am test -Dtest=RelaySimulationTest \
 *   -Dsurefire.failIfNoSpecifiedTests=false -Drelay.simulation.seed=4711
 * }</pre>
 *
 * <p>The shrunk plan is Java. {@code RelayMutantsTest} proves that mistakes are found.
 */
@NullMarked
package dev.pgeventstore.kafka.simulation;

import org.jspecify.annotations.NullMarked;
