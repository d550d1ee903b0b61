/** Real servers for tests and examples: PostgreSQL and Kafka, which need no installation. */
@NullMarked
package dev.pgeventstore.testkit.servers;

import org.jspecify.annotations.NullMarked;
