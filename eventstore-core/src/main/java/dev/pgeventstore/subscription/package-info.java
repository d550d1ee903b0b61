/** Named readers that keep something up to date with the store's events. */
@NullMarked
package dev.pgeventstore.subscription;

import org.jspecify.annotations.NullMarked;
