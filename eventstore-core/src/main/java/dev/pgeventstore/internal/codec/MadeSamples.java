package dev.pgeventstore.internal.codec;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Values to try a type with that only the library itself can make.
 *
 * @param <T> the library's description of a type
 */
final class MadeSamples<T> {

  private static final String DIGITS = "[1.50,-0.00,1E+3,12345678901234567890.1234567890]";
  private static final String OBJECT_OF_DIGITS = "{\"a\":" + DIGITS + ",\"b\":null}";

  private final TypeModel<T> model;

  MadeSamples(TypeModel<T> model) {
    this.model = model;
  }

  /** A tree of the library's, if the type is a class of such. */
  List<?> trees(T type) {
    TypeModel.Tree tree = model.treeOf(type);
    try {
      return tree == null
          ? List.of()
          : List.of(model.tree(tree == TypeModel.Tree.ARRAY ? DIGITS : OBJECT_OF_DIGITS));
    } catch (Exception e) {
      throw new AssertionError("it is JSON", e);
    }
  }

  /**
   * An object that is made of its value.
   *
   * @return the object, written and read once more; null if the application's code refuses the
   *     value
   * @throws Exception if the library cannot make it, or it is written differently then
   */
  @Nullable Object ofValue(T type, T valueType, Object value) throws Exception {
    byte[] json;
    try {
      json = model.write(type, model.read(type, model.write(valueType, value)));
    } catch (Exception e) {
      if (model.isRefusal(e)) {
        return null;
      }
      throw e;
    }
    Object object = model.read(type, json);
    byte[] again = model.write(type, object);
    if (!Arrays.equals(json, again)) {
      throw new IllegalStateException(
          "%s becomes %s".formatted(new String(json, UTF_8), new String(again, UTF_8)));
    }
    return object;
  }
}
