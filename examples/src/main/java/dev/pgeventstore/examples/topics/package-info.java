/** For examples that use Kafka: creates topics, and reads them as another service would. */
@NullMarked
package dev.pgeventstore.examples.topics;

import org.jspecify.annotations.NullMarked;
