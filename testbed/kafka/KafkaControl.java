import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** What a test changes in a running cluster: leaders, settings, permissions. */
public final class KafkaControl {
    private static final Duration PATIENCE = Duration.ofSeconds(90);

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[1]);
        List<String> rest = List.of(args).subList(2, args.length);
        try (Admin admin = Admin.create(properties)) {
            switch (args[0]) {
                case "controller" -> System.out.println(admin.describeMetadataQuorum().quorumInfo().get().leaderId());
                case "await-in-sync" -> awaitInSync(admin, rest);
                case "await-forgotten" -> awaitForgotten(admin, rest);
                case "elect-preferred" -> {
                    awaitInSync(admin, rest);
                    electPreferred(admin, rest);
                }
                case "move-leaders" -> moveLeaders(admin, Integer.parseInt(rest.get(0)), rest.subList(1, rest.size()));
                case "configure-topic" ->
                    configure(admin, new ConfigResource(ConfigResource.Type.TOPIC, rest.get(0)), rest.subList(1, rest.size()));
                case "configure-client-metrics" -> configure(admin,
                    new ConfigResource(ConfigResource.Type.CLIENT_METRICS, rest.get(0)), rest.subList(1, rest.size()));
                case "configure-brokers" -> configure(admin, new ConfigResource(ConfigResource.Type.BROKER, ""), rest);
                case "allow" -> allow(admin, rest.get(0), rest.subList(1, rest.size()));
                default -> throw new IllegalArgumentException("unknown command " + args[0]);
            }
        }
    }

    private static Collection<TopicDescription> describe(Admin admin, List<String> topics) throws Exception {
        return admin.describeTopics(topics).allTopicNames().get().values();
    }

    private static void await(String what, Condition condition) throws Exception {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException(what + " within " + PATIENCE.toSeconds() + " s");
            }
            Thread.sleep(50);
        }
    }

    private interface Condition {
        boolean holds() throws Exception;
    }

    /** Waits until every partition has a leader and all its replicas are in sync. */
    private static void awaitInSync(Admin admin, List<String> topics) throws Exception {
        await("not all replicas of " + topics + " are in sync", () -> describe(admin, topics).stream()
            .flatMap(topic -> topic.partitions().stream())
            .allMatch(partition -> leads(partition).isPresent() && partition.isr().size() == partition.replicas().size()));
    }

    /** Waits until no leader of the topics' partitions remembers an idempotent producer. */
    private static void awaitForgotten(Admin admin, List<String> topics) throws Exception {
        Set<TopicPartition> all = partitions(admin, topics);
        await("producers of " + topics + " are remembered", () -> admin.describeProducers(all).all().get().values().stream()
            .allMatch(partition -> partition.activeProducers().isEmpty()));
    }

    private static Set<TopicPartition> partitions(Admin admin, List<String> topics) throws Exception {
        return describe(admin, topics).stream().flatMap(topic -> topic.partitions().stream()
            .map(partition -> new TopicPartition(topic.name(), partition.partition()))).collect(Collectors.toSet());
    }

    /** So many times: each partition's next replica becomes the preferred one and is elected. */
    private static void moveLeaders(Admin admin, int times, List<String> topics) throws Exception {
        for (int i = 0; i < times; i++) {
            Map<TopicPartition, Optional<NewPartitionReassignment>> rotated = new HashMap<>();
            for (TopicDescription topic : describe(admin, topics)) {
                for (TopicPartitionInfo partition : topic.partitions()) {
                    List<Integer> replicas = partition.replicas().stream().map(Node::id).collect(Collectors.toList());
                    replicas.add(replicas.remove(0));
                    rotated.put(new TopicPartition(topic.name(), partition.partition()),
                        Optional.of(new NewPartitionReassignment(new ArrayList<>(replicas))));
                }
            }
            admin.alterPartitionReassignments(rotated).all().get();
            awaitInSync(admin, topics);
            electPreferred(admin, topics);
        }
    }

    private static void electPreferred(Admin admin, List<String> topics) throws Exception {
        Set<TopicPartition> all = partitions(admin, topics);
        await("the preferred replicas of " + topics + " don't lead", () -> {
            admin.electLeaders(ElectionType.PREFERRED, all).partitions().get();
            return describe(admin, topics).stream().flatMap(topic -> topic.partitions().stream())
                .allMatch(partition -> leads(partition).equals(Optional.of(partition.replicas().get(0).id())));
        });
    }

    private static Optional<Integer> leads(TopicPartitionInfo partition) {
        return Optional.ofNullable(partition.leader()).filter(leader -> !leader.isEmpty()).map(Node::id);
    }

    /** KEY=VALUE sets, KEY alone goes back to the default. */
    private static void configure(Admin admin, ConfigResource resource, List<String> settings) throws Exception {
        List<AlterConfigOp> changes = settings.stream().map(setting -> {
            String[] parts = setting.split("=", 2);
            return parts.length == 2
                ? new AlterConfigOp(new ConfigEntry(parts[0], parts[1]), AlterConfigOp.OpType.SET)
                : new AlterConfigOp(new ConfigEntry(parts[0], null), AlterConfigOp.OpType.DELETE);
        }).toList();
        admin.incrementalAlterConfigs(Map.of(resource, changes)).all().get();
    }

    private static void allow(Admin admin, String topic, List<String> operations) throws Exception {
        ResourcePattern pattern = new ResourcePattern(ResourceType.TOPIC, topic, PatternType.LITERAL);
        Stream<AclBinding> bindings = operations.stream().map(operation -> new AclBinding(pattern,
            new AccessControlEntry("User:client", "*", AclOperation.fromString(operation), AclPermissionType.ALLOW)));
        admin.createAcls(bindings.toList()).all().get();
    }
}
