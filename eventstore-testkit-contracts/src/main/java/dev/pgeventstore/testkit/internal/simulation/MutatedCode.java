package dev.pgeventstore.testkit.internal.simulation;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.StringWriter;
import java.lang.reflect.Constructor;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import javax.tools.FileObject;
import javax.tools.ForwardingJavaFileManager;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * The engine with a mistake in it. Some classes are compiled from their source with some text
 * replaced, and the engine and its simulation are loaded once more around them. So the engine needs
 * no code for mutants.
 *
 * @param root the package of the engine and the simulation, with a dot at its end: all classes in
 *     it or below are loaded again
 * @param name the mistake
 * @param changes the changes that make the mistake
 */
public record MutatedCode(String root, String name, List<Change> changes) {

  /**
   * A change of a class.
   *
   * @param source the class, without the root
   * @param was the original text
   * @param becomes the text that replaces it
   */
  public record Change(String source, String was, String becomes) {}

  /**
   * The project's baseline, because a library that instruments class files may not support those of
   * a newer JDK.
   */
  private static final String RELEASE = "17";

  private static final List<Path> SOURCES =
      List.of(Path.of("src/main/java"), Path.of("src/test/java"));

  /**
   * Creates an instance of the mutant's version of a class that has a constructor without
   * parameters.
   */
  public Object make(Class<?> type) throws IOException, ReflectiveOperationException {
    return make(type, UnaryOperator.identity());
  }

  /**
   * Like {@link #make(Class)}, with a further change of each class file.
   *
   * @param instrumented changes each class file before it is loaded
   */
  public Object make(Class<?> type, UnaryOperator<byte[]> instrumented)
      throws IOException, ReflectiveOperationException {
    Map<String, byte[]> mutated = changes.isEmpty() ? Map.of() : compile();
    Constructor<?> constructor =
        new Loader(type.getClassLoader(), mutated, instrumented)
            .loadClass(type.getName())
            .getDeclaredConstructor();
    constructor.setAccessible(true);
    return constructor.newInstance();
  }

  private Path file(String source) {
    String file = (root + source).replace('.', '/') + ".java";
    return SOURCES.stream()
        .map(directory -> directory.resolve(file))
        .filter(Files::exists)
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("there is no " + file));
  }

  private List<Text> texts() throws IOException {
    Map<String, String> texts = new LinkedHashMap<>();
    for (Change change : changes) {
      String text = texts.get(change.source);
      text = text == null ? Files.readString(file(change.source)) : text;
      if (!text.contains(change.was) || text.indexOf(change.was) != text.lastIndexOf(change.was)) {
        throw new IllegalStateException(
            "mutant '%s' needs care: %s has not once the text%n%s"
                .formatted(name, change.source, change.was));
      }
      texts.put(change.source, text.replace(change.was, change.becomes));
    }
    List<Text> files = new ArrayList<>();
    texts.forEach((source, text) -> files.add(new Text(root + source, text)));
    return files;
  }

  private Map<String, byte[]> compile() throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    Map<String, ByteArrayOutputStream> classes = new HashMap<>();
    StringWriter messages = new StringWriter();
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      boolean compiled =
          compiler
              .getTask(
                  messages,
                  new InMemory(files, classes),
                  null,
                  List.of("-cp", classPath, "--release", RELEASE, "-proc:none", "-nowarn", "-g"),
                  null,
                  texts())
              .call();
      if (!compiled) {
        throw new IllegalStateException("mutant '%s': %s".formatted(name, messages));
      }
    }
    Map<String, byte[]> bytes = new HashMap<>();
    classes.forEach((type, code) -> bytes.put(type, code.toByteArray()));
    return bytes;
  }

  /**
   * Loads the engine and the simulation again, with the mutated classes in place of the originals.
   */
  private final class Loader extends ClassLoader {

    private final Map<String, byte[]> mutated;
    private final UnaryOperator<byte[]> instrumented;

    Loader(ClassLoader original, Map<String, byte[]> mutated, UnaryOperator<byte[]> instrumented) {
      super(original);
      this.mutated = mutated;
      this.instrumented = instrumented;
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      synchronized (getClassLoadingLock(name)) {
        Class<?> loaded = findLoadedClass(name);
        if (loaded == null && name.startsWith(root)) {
          byte[] code =
              instrumented.apply(mutated.containsKey(name) ? mutated.get(name) : original(name));
          loaded = defineClass(name, code, 0, code.length);
        }
        return loaded == null ? super.loadClass(name, resolve) : loaded;
      }
    }

    private byte[] original(String name) throws ClassNotFoundException {
      try (InputStream code = getResourceAsStream(name.replace('.', '/') + ".class")) {
        if (code == null) {
          throw new ClassNotFoundException(name);
        }
        return code.readAllBytes();
      } catch (IOException e) {
        throw new ClassNotFoundException(name, e);
      }
    }
  }

  private static final class Text extends SimpleJavaFileObject {

    private final String text;

    Text(String className, String text) {
      super(URI.create("string:///" + className.replace('.', '/') + ".java"), Kind.SOURCE);
      this.text = text;
    }

    @Override
    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
      return text;
    }
  }

  private static final class InMemory extends ForwardingJavaFileManager<JavaFileManager> {

    private final Map<String, ByteArrayOutputStream> classes;

    InMemory(JavaFileManager files, Map<String, ByteArrayOutputStream> classes) {
      super(files);
      this.classes = classes;
    }

    @Override
    public JavaFileObject getJavaFileForOutput(
        Location location, String className, JavaFileObject.Kind kind, FileObject sibling) {
      return new SimpleJavaFileObject(
          URI.create("memory:///" + className.replace('.', '/') + ".class"), kind) {
        @Override
        public OutputStream openOutputStream() {
          ByteArrayOutputStream code = new ByteArrayOutputStream();
          classes.put(className, code);
          return code;
        }
      };
    }
  }
}
