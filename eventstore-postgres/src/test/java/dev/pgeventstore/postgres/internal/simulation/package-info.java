/**
 * The deterministic simulation of the engine: its own code, on a scheduler that runs one task at a
 * time and chooses by a seed which one, and on a PostgreSQL that is simulated behind JDBC
 * (docs/adr/0014).
 *
 * <p>A {@link dev.pgeventstore.postgres.internal.simulation.Plan} says what happens: who appends,
 * who reads, what fails. A {@link dev.pgeventstore.postgres.internal.simulation.Simulation} runs
 * it, and the {@link dev.pgeventstore.postgres.internal.simulation.Oracle} ends it as soon as
 * something does not hold that must. When a seed fails, the message has the seed, the plan with all
 * left out that it does not need, and the last steps.
 *
 * <p>A seed is run again, the same to the last step, by
 *
 * <pre>{@code
 * ./mvnw -pl eventstore-postgres -am test -Dtest=SimulationTest \
 *   -Dsurefire.failIfNoSpecifiedTests=false -Dsimulation.seed=4711
 * }</pre>
 *
 * <p>The shrunk plan is Java: put it into {@code FoundFaultsTest}, where it stays. What a new
 * statement of the engine does has to be taught to {@link
 * dev.pgeventstore.postgres.internal.simulation.SimulatedStatements}; until then every run that
 * meets it says so. {@code MutantsTest} proves that mistakes are found.
 */
@NullMarked
package dev.pgeventstore.postgres.internal.simulation;

import org.jspecify.annotations.NullMarked;
