/**
 * Example: a log of loan applications becomes streams, figures in SQL tables, and a Kafka topic.
 */
@NullMarked
package dev.pgeventstore.examples.loans;

import org.jspecify.annotations.NullMarked;
