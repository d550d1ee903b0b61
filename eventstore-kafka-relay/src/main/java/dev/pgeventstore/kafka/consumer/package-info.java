/** Reads what a relay has published, and proves that nothing is missing and nothing comes twice. */
@NullMarked
package dev.pgeventstore.kafka.consumer;

import org.jspecify.annotations.NullMarked;
