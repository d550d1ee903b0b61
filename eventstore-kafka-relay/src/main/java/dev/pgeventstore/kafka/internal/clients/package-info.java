/** Kafka's clients, and what they are configured with. */
@NullMarked
package dev.pgeventstore.kafka.internal.clients;

import org.jspecify.annotations.NullMarked;
