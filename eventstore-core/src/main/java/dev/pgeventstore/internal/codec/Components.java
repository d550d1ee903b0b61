package dev.pgeventstore.internal.codec;

import java.lang.annotation.Annotation;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Executable;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;

/** What a class says about the parts that its objects are made of. */
public final class Components {

  private static final Set<Class<?>> OPTIONALS =
      Set.of(Optional.class, OptionalInt.class, OptionalLong.class, OptionalDouble.class);

  private Components() {}

  /**
   * Whether a parameter's value must be in the JSON: it is no {@code Optional} and no annotation
   * named {@code Nullable} is on it.
   *
   * @param creator a constructor or factory method
   * @param index of its parameter
   * @return true if its absence is an error
   */
  public static boolean isRequired(Executable creator, int index) {
    if (OPTIONALS.contains(creator.getParameterTypes()[index])) {
      return false;
    }
    Class<?> owner = creator.getDeclaringClass();
    if (owner.isRecord() && creator.getParameterCount() == owner.getRecordComponents().length) {
      RecordComponent component = owner.getRecordComponents()[index];
      if (isNullable(component) || isNullable(component.getAnnotatedType())) {
        return false;
      }
    }
    return !isNullable(creator.getParameters()[index])
        && !isNullable(creator.getParameters()[index].getAnnotatedType());
  }

  private static boolean isNullable(AnnotatedElement element) {
    return Arrays.stream(element.getAnnotations())
        .map(Annotation::annotationType)
        .anyMatch(type -> type.getSimpleName().equals("Nullable"));
  }
}
