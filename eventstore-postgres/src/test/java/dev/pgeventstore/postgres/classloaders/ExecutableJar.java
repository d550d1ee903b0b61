package dev.pgeventstore.postgres.classloaders;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ForkJoinPool;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarInputStream;

/**
 * What starts an application from one jar with its libraries as jars in it. Neither the system's
 * class loader nor the context class loader of the common pool sees what is in them, and nothing in
 * them can be listed.
 */
final class ExecutableJar extends ClassLoader {

  private final Map<String, List<byte[]>> files = new HashMap<>();

  private ExecutableJar(JarFile jar) throws IOException {
    super(ClassLoader.getPlatformClassLoader());
    for (JarEntry entry : Collections.list(jar.entries())) {
      if (entry.getName().startsWith("lib/")) {
        unpack(jar.getInputStream(entry));
      }
    }
  }

  private void unpack(InputStream nested) throws IOException {
    try (JarInputStream in = new JarInputStream(nested)) {
      for (JarEntry file = in.getNextJarEntry(); file != null; file = in.getNextJarEntry()) {
        files.computeIfAbsent(file.getName(), name -> new ArrayList<>()).add(in.readAllBytes());
      }
    }
  }

  /** Builds stores in the common pool, and prints what came of it in its last line. */
  public static void main(String[] args) throws Exception {
    try (JarFile jar = new JarFile(System.getProperty("java.class.path"))) {
      Class<?> probe = new ExecutableJar(jar).loadClass(args[0]);
      Method appendOne = probe.getMethod("appendOne", String.class, String.class);
      StringJoiner outcomes = new StringJoiner(", ");
      for (String migrations : List.of("VALIDATE", "APPLY", "VALIDATE")) {
        try {
          Object events =
              ForkJoinPool.commonPool()
                  .submit(() -> appendOne.invoke(null, args[1], migrations))
                  .get();
          outcomes.add(migrations + " " + events);
        } catch (ExecutionException e) {
          e.printStackTrace();
          outcomes.add(migrations + " refused");
        }
      }
      System.out.println(outcomes);
    }
  }

  @Override
  protected Class<?> findClass(String name) throws ClassNotFoundException {
    List<byte[]> found = files.get(name.replace('.', '/') + ".class");
    if (found == null) {
      throw new ClassNotFoundException(name);
    }
    return defineClass(name, found.get(0), 0, found.get(0).length);
  }

  @Override
  protected URL findResource(String name) {
    List<URL> all = urls(name);
    return all.isEmpty() ? null : all.get(0);
  }

  @Override
  protected Enumeration<URL> findResources(String name) {
    return Collections.enumeration(urls(name));
  }

  private List<URL> urls(String name) {
    List<URL> urls = new ArrayList<>();
    for (byte[] content : files.getOrDefault(name, List.of())) {
      try {
        urls.add(new URL(null, "nested:/" + name, new InMemory(content)));
      } catch (IOException e) {
        throw new IllegalStateException(e);
      }
    }
    return urls;
  }

  private static final class InMemory extends URLStreamHandler {
    private final byte[] content;

    InMemory(byte[] content) {
      this.content = content;
    }

    @Override
    protected URLConnection openConnection(URL url) {
      return new URLConnection(url) {
        @Override
        public void connect() {}

        @Override
        public InputStream getInputStream() {
          return new ByteArrayInputStream(content);
        }
      };
    }
  }
}
