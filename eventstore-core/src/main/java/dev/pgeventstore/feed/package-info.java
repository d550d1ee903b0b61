/** The way from a store to whoever follows its global order: subscriptions, relays, observers. */
@NullMarked
package dev.pgeventstore.feed;

import org.jspecify.annotations.NullMarked;
