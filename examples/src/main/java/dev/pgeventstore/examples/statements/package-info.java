/**
 * Example: others are told what they need, in records made for them; internal events stay inside.
 */
@NullMarked
package dev.pgeventstore.examples.statements;

import org.jspecify.annotations.NullMarked;
