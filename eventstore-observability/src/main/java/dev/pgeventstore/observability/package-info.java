/**
 * Micrometer meters and OpenTelemetry spans of a store, its subscriptions, relays and consumers.
 */
@NullMarked
package dev.pgeventstore.observability;

import org.jspecify.annotations.NullMarked;
