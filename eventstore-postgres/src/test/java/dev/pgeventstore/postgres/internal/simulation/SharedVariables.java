package dev.pgeventstore.postgres.internal.simulation;

import dev.pgeventstore.testkit.internal.simulation.SimulatedScheduler;
import java.util.HashSet;
import java.util.Set;
import net.bytebuddy.jar.asm.ClassReader;
import net.bytebuddy.jar.asm.ClassVisitor;
import net.bytebuddy.jar.asm.ClassWriter;
import net.bytebuddy.jar.asm.FieldVisitor;
import net.bytebuddy.jar.asm.MethodVisitor;
import net.bytebuddy.jar.asm.Opcodes;

/**
 * Makes scheduling points of what threads share without a lock: each access to a volatile field or
 * to an atomic variable. What else they share they must guard by locks, which are such points.
 */
public final class SharedVariables {

  private static final String ATOMICS = "java/util/concurrent/atomic/";
  private static final String HOOK = SharedVariables.class.getName().replace('.', '/');

  private SharedVariables() {}

  /** Called by the instrumented classes, before each access. */
  public static void point() {
    SimulatedScheduler.pointOfRunning();
  }

  /**
   * Adds the points to a class.
   *
   * @param code a class file
   * @param inPackage which classes get them, by the beginning of their names
   * @return the class file with them
   */
  public static byte[] instrument(byte[] code, String inPackage) {
    ClassReader reader = new ClassReader(code);
    if (!reader.getClassName().startsWith(inPackage.replace('.', '/'))) {
      return code;
    }
    Set<String> shared = volatileFields(reader);
    ClassWriter writer = new ClassWriter(reader, 0);
    reader.accept(
        new ClassVisitor(Opcodes.ASM9, writer) {
          @Override
          public MethodVisitor visitMethod(
              int access, String name, String type, String signature, String[] exceptions) {
            MethodVisitor method = super.visitMethod(access, name, type, signature, exceptions);
            return name.startsWith("<") ? method : new WithPoints(method, shared);
          }
        },
        0);
    return writer.toByteArray();
  }

  private static Set<String> volatileFields(ClassReader reader) {
    Set<String> fields = new HashSet<>();
    reader.accept(
        new ClassVisitor(Opcodes.ASM9) {
          @Override
          public FieldVisitor visitField(
              int access, String name, String type, String signature, Object value) {
            if ((access & Opcodes.ACC_VOLATILE) != 0) {
              fields.add(name);
            }
            return super.visitField(access, name, type, signature, value);
          }
        },
        ClassReader.SKIP_CODE);
    return fields;
  }

  private static final class WithPoints extends MethodVisitor {

    private final Set<String> shared;

    WithPoints(MethodVisitor method, Set<String> shared) {
      super(Opcodes.ASM9, method);
      this.shared = shared;
    }

    @Override
    public void visitFieldInsn(int opcode, String owner, String name, String type) {
      if (shared.contains(name)) {
        addPoint();
      }
      super.visitFieldInsn(opcode, owner, name, type);
    }

    @Override
    public void visitMethodInsn(
        int opcode, String owner, String name, String type, boolean isInterface) {
      if (owner.startsWith(ATOMICS) && !name.equals("<init>")) {
        addPoint();
      }
      super.visitMethodInsn(opcode, owner, name, type, isInterface);
    }

    private void addPoint() {
      super.visitMethodInsn(Opcodes.INVOKESTATIC, HOOK, "point", "()V", false);
    }
  }
}
