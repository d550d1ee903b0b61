package dev.pgeventstore.testkit.servers;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A class of tests that {@link KafkaExtension} gives a broker of its own, because it kills, pauses
 * or restarts the broker, or disturbs the network before it.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
public @interface OwnBroker {}
