package dev.pgeventstore.codec;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The stable name and the revision under which a class's events are stored. */
@Documented
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
public @interface EventType {

  /**
   * The name in the store. It never changes once there are events; the class may be renamed and
   * moved.
   *
   * @return such as {@code order-placed}
   */
  String name();

  /**
   * The revision of the shape that the class has now. Raise it with every change that the JSON of
   * older events does not fit, and add an upcaster.
   *
   * @return 1 or more
   */
  int revision() default 1;
}
