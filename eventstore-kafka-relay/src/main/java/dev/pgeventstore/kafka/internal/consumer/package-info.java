/** The work of a consumer: poll, handle in transactions, move marks. */
@NullMarked
package dev.pgeventstore.kafka.internal.consumer;

import org.jspecify.annotations.NullMarked;
