/** Tests of Spring Boot applications on a real PostgreSQL. */
@NullMarked
package dev.pgeventstore.spring.test;

import org.jspecify.annotations.NullMarked;
