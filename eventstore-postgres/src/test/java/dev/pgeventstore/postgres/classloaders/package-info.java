/** The store in class loaders of other kinds than that of a plain class path. */
package dev.pgeventstore.postgres.classloaders;
