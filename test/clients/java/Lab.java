import java.io.PrintWriter;
import java.io.StringWriter;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Random;
import java.util.function.Predicate;

/** Shared by both programs: the server, bytes, and checks with a sentence about the product as their title. */
final class Lab {
  static final String SERVER = System.getenv("LAB_URL");
  static final String TOKEN = System.getenv("LAB_TOKEN");
  static final int PART_SIZE = Integer.parseInt(System.getenv("LAB_PART_SIZE"));

  private static int checks = 0;
  private static int failed = 0;

  interface Body {
    void run() throws Exception;
  }

  /** Runs one check and prints its line of the Test Anything Protocol. */
  static void check(String sentence, Body body) {
    checks++;
    try {
      body.run();
      System.out.println("ok - " + sentence);
    } catch (Throwable thrown) {
      failed++;
      StringWriter trace = new StringWriter();
      thrown.printStackTrace(new PrintWriter(trace, true));
      System.out.println("not ok - " + sentence);
      trace.toString().lines().forEach(line -> System.out.println("# " + line));
    }
  }

  /** Prints the plan and exits, ending an SDK's remaining threads: with 0 if all checks pass, or with 1. */
  static void end() {
    System.out.println("1.." + checks);
    System.out.flush();
    System.exit(failed == 0 ? 0 : 1);
  }

  static void equal(Object found, Object wanted) {
    boolean same = found instanceof byte[] bytes && wanted instanceof byte[] others
        ? Arrays.equals(bytes, others)
        : Objects.equals(found, wanted);
    if (!same) throw new AssertionError("wanted " + wanted + ", found " + found);
  }

  static void holds(boolean condition, Object what) {
    if (!condition) throw new AssertionError("not true: " + what);
  }

  /** Checks that `body` throws an error of this class that `isIt` accepts. */
  static <E extends Throwable> E refused(Class<E> kind, Predicate<E> isIt, Body body) throws Exception {
    try {
      body.run();
    } catch (Throwable thrown) {
      if (kind.isInstance(thrown) && isIt.test(kind.cast(thrown))) return kind.cast(thrown);
      throw new AssertionError("another error than the expected one", thrown);
    }
    throw new AssertionError("no error was raised");
  }

  /** `size` pseudo-random bytes; the same seed gives the same bytes. */
  static byte[] seededBytes(int size, long seed) {
    byte[] bytes = new byte[size];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  static byte[] part(byte[] bytes, int index) {
    return Arrays.copyOfRange(bytes, index * PART_SIZE, Math.min((index + 1) * PART_SIZE, bytes.length));
  }

  static String sha1Hex(byte[] bytes) {
    return HexFormat.of().formatHex(sha1().digest(bytes));
  }

  static String sha1Base64(byte[] bytes) {
    return Base64.getEncoder().encodeToString(sha1().digest(bytes));
  }

  static MessageDigest sha1() {
    try {
      return MessageDigest.getInstance("SHA-1");
    } catch (NoSuchAlgorithmException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private Lab() {}
}
