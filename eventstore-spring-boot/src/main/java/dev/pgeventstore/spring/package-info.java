/**
 * The store in Spring applications: a store that takes part in transactions, and what runs while
 * the application does. The auto-configuration of Spring Boot makes beans of it.
 */
@NullMarked
package dev.pgeventstore.spring;

import org.jspecify.annotations.NullMarked;
