/** What the modules of the store share, and applications have no need of. No API. */
@NullMarked
package dev.pgeventstore.internal;

import org.jspecify.annotations.NullMarked;
