/** Read models that are rebuilt beside the ones that readers see. */
@NullMarked
package dev.pgeventstore.projection;

import org.jspecify.annotations.NullMarked;
