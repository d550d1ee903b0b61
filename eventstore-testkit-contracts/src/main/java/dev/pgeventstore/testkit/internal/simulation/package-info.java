/**
 * The scheduler of deterministic simulations, for the tests of several modules (docs/adr/0014). Not
 * for applications.
 */
@NullMarked
package dev.pgeventstore.testkit.internal.simulation;

import org.jspecify.annotations.NullMarked;
