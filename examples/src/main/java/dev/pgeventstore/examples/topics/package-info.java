/** For examples that use Kafka: they make topics, and read them as another service would. */
@NullMarked
package dev.pgeventstore.examples.topics;

import org.jspecify.annotations.NullMarked;
