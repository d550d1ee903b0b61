/** What the modules of the store share, and applications do not need. No API. */
@NullMarked
package dev.pgeventstore.internal;

import org.jspecify.annotations.NullMarked;
