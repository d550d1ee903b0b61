/** From domain objects to stored JSON and back, by names and revisions that outlive the classes. */
@NullMarked
package dev.pgeventstore.codec;

import org.jspecify.annotations.NullMarked;
