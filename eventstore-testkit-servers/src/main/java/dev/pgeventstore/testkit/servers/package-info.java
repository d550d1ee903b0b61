/**
 * Real servers for tests and examples: PostgreSQL and Kafka, started without installing anything.
 */
@NullMarked
package dev.pgeventstore.testkit.servers;

import org.jspecify.annotations.NullMarked;
