/** Example: a log of loan applications becomes streams, tables of figures, and a Kafka topic. */
@NullMarked
package dev.pgeventstore.examples.loans;

import org.jspecify.annotations.NullMarked;
