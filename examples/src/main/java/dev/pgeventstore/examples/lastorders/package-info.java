/**
 * Example: the last 30 orders of each customer, kept by a subscription to all streams of orders.
 */
@NullMarked
package dev.pgeventstore.examples.lastorders;

import org.jspecify.annotations.NullMarked;
