/** Example: metrics of subscriptions for Prometheus, with nothing but the JDK. */
@NullMarked
package dev.pgeventstore.examples.metrics;

import org.jspecify.annotations.NullMarked;
