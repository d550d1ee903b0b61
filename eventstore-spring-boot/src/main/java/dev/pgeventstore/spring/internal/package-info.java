/** The auto-configuration. */
@NullMarked
package dev.pgeventstore.spring.internal;

import org.jspecify.annotations.NullMarked;
