/** What every codec on a JSON library keeps. */
package dev.pgeventstore.codec.contract;
