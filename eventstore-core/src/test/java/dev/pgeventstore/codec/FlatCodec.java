package dev.pgeventstore.codec;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.pgeventstore.Metadata;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/** A codec without a library, for records of texts and ints. */
public final class FlatCodec extends JsonCodec<String> {

  private FlatCodec(EventTypes types, Upcasts<String> upcasts) {
    super(types, upcasts, Flat::new);
  }

  public static FlatCodec none() {
    return of(EventTypes.none());
  }

  public static FlatCodec of(EventTypes types) {
    return of(types, new Upcasts<>());
  }

  static FlatCodec of(EventTypes types, Upcasts<String> upcasts) {
    return new FlatCodec(types, upcasts);
  }

  static Upcasts<String> step(String name, int fromRevision, UnaryOperator<String> step) {
    Upcasts<String> upcasts = new Upcasts<>();
    upcasts.add(name, fromRevision, step);
    return upcasts;
  }

  private record Flat(Class<?> type) implements JsonBinding<String> {

    @Override
    public byte[] write(Object object) throws Exception {
      Map<String, String> entries = new TreeMap<>();
      for (RecordComponent component : type.getRecordComponents()) {
        Method accessor = component.getAccessor();
        accessor.setAccessible(true);
        entries.put(component.getName(), accessor.invoke(object).toString());
      }
      return MetadataJson.encode(Metadata.of(entries));
    }

    @Override
    public Object read(byte[] json) throws Exception {
      Metadata entries = MetadataJson.decode(json);
      RecordComponent[] components = type.getRecordComponents();
      Class<?>[] types = new Class<?>[components.length];
      Object[] values = new Object[components.length];
      for (int i = 0; i < types.length; i++) {
        types[i] = components[i].getType();
        String value = entries.get(components[i].getName()).orElseThrow();
        values[i] = types[i] == int.class ? Integer.valueOf(value) : value;
      }
      Constructor<?> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(values);
    }

    @Override
    public String tree(byte[] json) {
      return new String(json, UTF_8);
    }

    @Override
    public Object read(String tree) throws Exception {
      return read(tree.getBytes(UTF_8));
    }
  }
}
