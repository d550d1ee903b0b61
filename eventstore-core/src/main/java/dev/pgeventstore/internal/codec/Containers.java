package dev.pgeventstore.internal.codec;

import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Collections, maps, arrays and optionals that come back equal if what is in them does. */
final class Containers {

  static final String KEPT = "List, Set, Map, one of their usual classes, an array or Optional";

  private static final Map<Class<?>, Supplier<Collection<Object>>> COLLECTIONS =
      Map.of(
          List.class, ArrayList::new,
          ArrayList.class, ArrayList::new,
          Set.class, HashSet::new,
          HashSet.class, HashSet::new,
          LinkedHashSet.class, LinkedHashSet::new,
          SortedSet.class, TreeSet::new,
          NavigableSet.class, TreeSet::new,
          TreeSet.class, TreeSet::new);

  private static final Map<Class<?>, Supplier<Map<Object, Object>>> MAPS =
      Map.of(
          Map.class, HashMap::new,
          HashMap.class, HashMap::new,
          LinkedHashMap.class, LinkedHashMap::new,
          SortedMap.class, TreeMap::new,
          NavigableMap.class, TreeMap::new,
          TreeMap.class, TreeMap::new);

  private Containers() {}

  static boolean isKept(Class<?> container) {
    return COLLECTIONS.containsKey(container)
        || MAPS.containsKey(container)
        || container.isArray()
        || isOptional(container)
        || container == EnumMap.class
        || container == EnumSet.class;
  }

  static boolean isOptional(Class<?> container) {
    return container == Optional.class;
  }

  /** An empty one, and a full one if there is something to fill it with. */
  static List<?> samples(
      Class<?> container, List<?> keys, List<?> contents, Class<?> contentClass) {
    boolean ofEnums = container == EnumMap.class || container == EnumSet.class;
    if (ofEnums && keys.isEmpty() && contents.isEmpty()) {
      return List.of();
    }
    if (isOptional(container)) {
      return Stream.concat(Stream.of(Optional.empty()), contents.stream().map(Optional::of))
          .toList();
    }
    if (container.isArray()) {
      return List.of(Array.newInstance(contentClass, 0), array(contents, contentClass));
    }
    if (MAPS.containsKey(container) || container == EnumMap.class) {
      Supplier<Map<Object, Object>> empty = MAPS.getOrDefault(container, () -> enumMap(keys));
      return List.of(empty.get(), fill(empty.get(), keys, contents));
    }
    if (container == EnumSet.class) {
      return List.of(enumSet(contents));
    }
    Supplier<Collection<Object>> empty =
        COLLECTIONS.getOrDefault(container, () -> new ArrayList<>());
    Collection<Object> full = empty.get();
    full.addAll(contents);
    return List.of(empty.get(), full);
  }

  private static Object array(List<?> contents, Class<?> contentClass) {
    Object array = Array.newInstance(contentClass, contents.size());
    for (int i = 0; i < contents.size(); i++) {
      Array.set(array, i, contents.get(i));
    }
    return array;
  }

  /** Where no sample is known, the keys are tried with null. */
  private static Map<Object, Object> fill(Map<Object, Object> map, List<?> keys, List<?> contents) {
    for (int i = 0; i < keys.size(); i++) {
      map.put(keys.get(i), contents.isEmpty() ? null : contents.get(i % contents.size()));
    }
    return map;
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  private static Map<Object, Object> enumMap(List<?> keys) {
    return new EnumMap(((Enum<?>) keys.get(0)).getDeclaringClass());
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  private static Set<?> enumSet(List<?> contents) {
    return EnumSet.copyOf((List) contents);
  }
}
