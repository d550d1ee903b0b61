package dev.pgeventstore.kafka;

import static org.awaitility.Awaitility.await;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/**
 * Somebody who must log in, and may do what a relay needs: no more, and less when it is revoked.
 */
final class KafkaUser {

  private final Bench bench;
  private final String name = "user-" + UUID.randomUUID();
  private String password = "secret-" + UUID.randomUUID();
  private final AclBinding writeEvents;
  private final AclBinding readPositions;
  private final AclBinding useTransactionalIds;

  KafkaUser(Bench bench) throws InterruptedException, ExecutionException {
    this.bench = bench;
    this.writeEvents = allow(ResourceType.TOPIC, bench.topic, AclOperation.WRITE);
    this.readPositions = allow(ResourceType.TOPIC, Bench.POSITIONS, AclOperation.READ);
    this.useTransactionalIds = allow(ResourceType.TRANSACTIONAL_ID, "", AclOperation.WRITE);
    password(password);
    grant(
        writeEvents,
        readPositions,
        useTransactionalIds,
        allow(ResourceType.TOPIC, bench.topic, AclOperation.READ),
        allow(ResourceType.TOPIC, bench.topic, AclOperation.DESCRIBE),
        allow(ResourceType.TOPIC, bench.topic, AclOperation.DESCRIBE_CONFIGS),
        allow(ResourceType.TOPIC, Bench.POSITIONS, AclOperation.WRITE),
        allow(ResourceType.TOPIC, Bench.POSITIONS, AclOperation.DESCRIBE),
        allow(ResourceType.TOPIC, Bench.POSITIONS, AclOperation.DESCRIBE_CONFIGS),
        allow(ResourceType.TOPIC, Bench.POSITIONS, AclOperation.CREATE),
        allow(ResourceType.TRANSACTIONAL_ID, "", AclOperation.DESCRIBE));
  }

  /** On everything whose name begins like this; on everything at all, if it is empty. */
  private AclBinding allow(ResourceType type, String prefix, AclOperation operation) {
    ResourcePattern pattern =
        prefix.isEmpty()
            ? new ResourcePattern(type, ResourcePattern.WILDCARD_RESOURCE, PatternType.LITERAL)
            : new ResourcePattern(type, prefix, PatternType.PREFIXED);
    return new AclBinding(
        pattern, new AccessControlEntry("User:" + name, "*", operation, AclPermissionType.ALLOW));
  }

  /** What gives the right to send to the target topic. */
  AclBinding writeEvents() {
    return writeEvents;
  }

  /** What gives the right to read how far the relay has come. */
  AclBinding readPositions() {
    return readPositions;
  }

  /** What gives the right to have transactions. */
  AclBinding useTransactionalIds() {
    return useTransactionalIds;
  }

  /** Returns when the broker goes by it, which it does a moment after it has acknowledged it. */
  void grant(AclBinding... bindings) throws InterruptedException, ExecutionException {
    try (Admin admin = bench.admin()) {
      admin.createAcls(List.of(bindings)).all().get();
      for (AclBinding binding : bindings) {
        await().atMost(Bench.PATIENCE).until(() -> isGranted(admin, binding));
      }
    }
  }

  /** The same for what is taken away. */
  void revoke(AclBinding... bindings) throws InterruptedException, ExecutionException {
    try (Admin admin = bench.admin()) {
      admin.deleteAcls(Stream.of(bindings).map(AclBinding::toFilter).toList()).all().get();
      for (AclBinding binding : bindings) {
        await().atMost(Bench.PATIENCE).until(() -> !isGranted(admin, binding));
      }
    }
  }

  private static boolean isGranted(Admin admin, AclBinding binding) throws Exception {
    return !admin.describeAcls(binding.toFilter()).values().get().isEmpty();
  }

  /** From now on this is the password for whoever logs in anew. */
  void password(String next) throws InterruptedException, ExecutionException {
    try (Admin admin = bench.admin()) {
      admin
          .alterUserScramCredentials(
              List.of(
                  new UserScramCredentialUpsertion(
                      name, new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4_096), next)))
          .all()
          .get();
    }
    password = next;
  }

  String password() {
    return password;
  }

  /** With which a client logs in. */
  Map<String, String> settings() {
    return settings(password);
  }

  /** The same with a password that may be wrong. */
  Map<String, String> settings(String with) {
    return bench.broker.settingsOf(name, with);
  }
}
