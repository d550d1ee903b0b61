package dev.pgeventstore.kafka;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A certificate authority of a test's own, made by {@code keytool}. */
final class Authority {

  /** A broker that gets another key wants it under the name that it knows. */
  private static final String ALIAS = "broker";

  private static final String PASSWORD = "not-a-secret";

  private final Path folder;
  private final Path store;
  private final Path certificate;
  private final Path trusted;

  Authority(Path folder) throws IOException, InterruptedException {
    this.folder = folder;
    this.store = folder.resolve("authority.p12");
    this.certificate = folder.resolve("authority.pem");
    this.trusted = folder.resolve("trusted-authority.p12");
    keytool(
        store,
        "-genkeypair",
        "-alias",
        "ca",
        "-keyalg",
        "EC",
        "-dname",
        "CN=authority",
        "-ext",
        "bc:c",
        "-startdate",
        "-40d",
        "-validity",
        "80");
    keytool(store, "-exportcert", "-rfc", "-alias", "ca", "-file", certificate.toString());
    keytool(trusted, "-importcert", "-noprompt", "-alias", "ca", "-file", certificate.toString());
  }

  /** A key with a certificate for 127.0.0.1, which ended ten days ago or is good for ten. */
  Path key(String name, boolean expired) throws IOException, InterruptedException {
    Path key = folder.resolve(name + ".p12");
    Path request = folder.resolve(name + ".csr");
    Path answer = folder.resolve(name + ".pem");
    String host = "san=ip:127.0.0.1";
    keytool(key, "-genkeypair", "-alias", ALIAS, "-keyalg", "EC", "-dname", "CN=127.0.0.1");
    keytool(key, "-certreq", "-alias", ALIAS, "-file", request.toString());
    keytool(
        store,
        "-gencert",
        "-rfc",
        "-alias",
        "ca",
        "-ext",
        host,
        "-startdate",
        expired ? "-20d" : "-1d",
        "-validity",
        "10",
        "-infile",
        request.toString(),
        "-outfile",
        answer.toString());
    Files.writeString(answer, Files.readString(certificate), StandardOpenOption.APPEND);
    keytool(key, "-importcert", "-noprompt", "-alias", ALIAS, "-file", answer.toString());
    return key;
  }

  /** What a client sets to trust this authority. */
  Map<String, String> trust() {
    return Map.of(
        "ssl.truststore.location", trusted.toString(), "ssl.truststore.password", PASSWORD);
  }

  /** What a client or a listener sets to show a key's certificate. */
  static Map<String, String> show(Path key) {
    return Map.of(
        "ssl.keystore.type",
        "PKCS12",
        "ssl.keystore.location",
        key.toString(),
        "ssl.keystore.password",
        PASSWORD,
        "ssl.key.password",
        PASSWORD);
  }

  private static void keytool(Path store, String... words)
      throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(Path.of(System.getProperty("java.home"), "bin", "keytool").toString()));
    command.addAll(List.of(words));
    command.addAll(
        List.of("-storetype", "PKCS12", "-keystore", store.toString(), "-storepass", PASSWORD));
    Path output = Files.createTempFile(store.getParent(), "keytool", ".txt");
    int code =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start()
            .waitFor();
    if (code != 0) {
      throw new IOException("keytool has failed: " + Files.readString(output));
    }
  }
}
