package dev.pgeventstore.spring.test;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Gives the application of a test, as one with {@code @SpringBootTest}, a database of its own on a
 * real PostgreSQL: it sets {@code spring.datasource.url}, user and password, whatever else
 * configures them.
 *
 * <p>The server is started from embedded binaries for the first such test of a process and stopped
 * at the end of the process; {@link dev.pgeventstore.testkit.servers.PostgresServer} says how to
 * choose another one. The database is empty when the application context starts, and dropped when
 * it is closed. Tests that share a context, as Spring caches it, share the database: a test uses
 * streams of its own.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@Documented
public @interface OnPostgres {}
