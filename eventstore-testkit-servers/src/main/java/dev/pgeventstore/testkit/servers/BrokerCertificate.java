package dev.pgeventstore.testkit.servers;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * A certificate for a server on 127.0.0.1, made for this run only.
 *
 * @param keyStore the store with the private key, for the server
 * @param trustStore the store with the certificate alone, for clients
 * @param password the password of both stores
 */
record BrokerCertificate(Path keyStore, Path trustStore, String password) {

  private static final long TO_MAKE_SECONDS = 60;

  static BrokerCertificate create(Path folder) throws IOException {
    BrokerCertificate certificate =
        new BrokerCertificate(
            folder.resolve("broker.p12"),
            folder.resolve("trusted.p12"),
            UUID.randomUUID().toString());
    certificate.makeKey(folder);
    certificate.exportCertificate();
    return certificate;
  }

  private void makeKey(Path folder) throws IOException {
    Path output = folder.resolve("keytool.txt");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                "broker",
                "-keyalg",
                "EC",
                "-dname",
                "CN=127.0.0.1",
                "-ext",
                "san=ip:127.0.0.1",
                "-validity",
                "30",
                "-storetype",
                "PKCS12",
                "-keystore",
                keyStore.toString(),
                "-storepass",
                password)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      if (!keytool.waitFor(TO_MAKE_SECONDS, TimeUnit.SECONDS) || keytool.exitValue() != 0) {
        keytool.destroyForcibly();
        throw new IOException("keytool made no key: " + Files.readString(output));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while a key was being made", e);
    }
  }

  private void exportCertificate() throws IOException {
    try (InputStream in = Files.newInputStream(keyStore);
        OutputStream out = Files.newOutputStream(trustStore)) {
      KeyStore own = KeyStore.getInstance("PKCS12");
      own.load(in, password.toCharArray());
      KeyStore trusted = KeyStore.getInstance("PKCS12");
      trusted.load(null, null);
      trusted.setCertificateEntry("broker", own.getCertificate("broker"));
      trusted.store(out, password.toCharArray());
    } catch (GeneralSecurityException e) {
      throw new IOException("the broker's certificate cannot be exported", e);
    }
  }

  @Override
  public String toString() {
    return "BrokerCertificate[" + keyStore + ']';
  }
}
