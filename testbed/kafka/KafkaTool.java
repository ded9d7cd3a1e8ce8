import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** What the testbed asks of a cluster, by Kafka's own clients: create, delete, describe, read. */
public final class KafkaTool {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    public static void main(String[] args) throws Exception {
        String bootstrap = args[1];
        String topic = args[2];
        switch (args[0]) {
            case "create" -> create(bootstrap, topic, Integer.parseInt(args[3]), Short.parseShort(args[4]), pairs(args, 5));
            case "delete" -> delete(bootstrap, topic);
            case "leaders" -> leaders(bootstrap, topic);
            case "end-offsets" -> endOffsets(bootstrap, topic, pairs(args, 3));
            case "read" -> read(bootstrap, topic, Integer.parseInt(args[3]), Long.parseLong(args[4]), pairs(args, 5));
            default -> throw new IllegalArgumentException("unknown command " + args[0]);
        }
    }

    private static void create(String bootstrap, String topic, int partitions, short replicas, Map<String, String> configs)
            throws Exception {
        try (Admin admin = admin(bootstrap)) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, replicas).configs(configs))).all().get();
            // The answer comes from the controller: a client may use the topic once brokers have heard of it.
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (!ready(admin, topic, partitions, replicas)) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException("topic " + topic + " was created but has no leaders");
                }
                Thread.sleep(20);
            }
        }
    }

    private static boolean ready(Admin admin, String topic, int partitions, int replicas) throws Exception {
        Optional<TopicDescription> found = describe(admin, topic);
        return found.isPresent() && found.get().partitions().size() == partitions
            && found.get().partitions().stream().allMatch(p -> hasLeader(p) && p.isr().size() == replicas);
    }

    private static void delete(String bootstrap, String topic) throws Exception {
        try (Admin admin = admin(bootstrap)) {
            admin.deleteTopics(List.of(topic)).all().get();
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (describe(admin, topic).isPresent()) {
                if (System.nanoTime() > deadline) {
                    throw new IllegalStateException("topic " + topic + " was deleted but is still there");
                }
                Thread.sleep(20);
            }
        }
    }

    private static void leaders(String bootstrap, String topic) throws Exception {
        try (Admin admin = admin(bootstrap)) {
            TopicDescription found = describe(admin, topic)
                .orElseThrow(() -> new IllegalArgumentException("there is no topic " + topic));
            for (TopicPartitionInfo partition : found.partitions()) {
                System.out.println(partition.partition() + " " + (hasLeader(partition) ? partition.leader().id() : -1));
            }
        }
    }

    private static void endOffsets(String bootstrap, String topic, Map<String, String> properties) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, properties)) {
            consumer.endOffsets(partitions(consumer, topic, -1))
                .forEach((partition, offset) -> System.out.println(partition.partition() + " " + offset));
        }
    }

    /** Reads up to the end as it is now: binary records to standard output, then -1 and their number. */
    private static void read(String bootstrap, String topic, int only, long from, Map<String, String> properties)
            throws IOException {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, properties);
             DataOutputStream out = new DataOutputStream(
                 new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16))) {
            List<TopicPartition> partitions = partitions(consumer, topic, only);
            Map<TopicPartition, Long> ends = new HashMap<>(consumer.endOffsets(partitions));
            consumer.assign(partitions);
            if (from < 0) {
                consumer.seekToBeginning(partitions);
            } else {
                partitions.forEach(partition -> consumer.seek(partition, from));
            }
            out.writeLong(copy(consumer, ends, out));
        }
    }

    private static long copy(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends, DataOutputStream out)
            throws IOException {
        long count = 0;
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        ends.entrySet().removeIf(end -> consumer.position(end.getKey()) >= end.getValue());
        consumer.assign(ends.keySet());
        Map<TopicPartition, Long> positions = new HashMap<>();
        while (!ends.isEmpty()) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                Long end = ends.get(new TopicPartition(record.topic(), record.partition()));
                if (end != null && record.offset() < end) {
                    write(record, out);
                    count++;
                }
            }
            // A position may pass the last record: control batches and compaction leave gaps.
            boolean moved = false;
            for (TopicPartition partition : List.copyOf(ends.keySet())) {
                long position = consumer.position(partition);
                Long before = positions.put(partition, position);
                moved |= before == null || before != position;
                if (position >= ends.get(partition)) {
                    ends.remove(partition);
                    consumer.pause(List.of(partition));
                }
            }
            if (moved) {
                deadline = System.nanoTime() + PATIENCE.toNanos();
            } else if (System.nanoTime() > deadline) {
                throw new IllegalStateException("no progress for " + PATIENCE.toSeconds() + " s at " + positions + ", ends " + ends);
            }
        }
        out.writeInt(-1);
        return count;
    }

    private static void write(ConsumerRecord<byte[], byte[]> record, DataOutputStream out) throws IOException {
        out.writeInt(record.partition());
        out.writeLong(record.offset());
        out.writeLong(record.timestamp());
        write(record.key(), out);
        write(record.value(), out);
        Header[] headers = record.headers().toArray();
        out.writeInt(headers.length);
        for (Header header : headers) {
            write(header.key().getBytes(StandardCharsets.UTF_8), out);
            write(header.value(), out);
        }
    }

    private static void write(byte[] bytes, DataOutputStream out) throws IOException {
        out.writeInt(bytes == null ? -1 : bytes.length);
        if (bytes != null) {
            out.write(bytes);
        }
    }

    private static List<TopicPartition> partitions(KafkaConsumer<?, ?> consumer, String topic, int only) {
        List<TopicPartition> found = consumer.partitionsFor(topic).stream()
            .filter(partition -> only < 0 || partition.partition() == only)
            .map(partition -> new TopicPartition(topic, partition.partition()))
            .collect(Collectors.toList());
        if (found.isEmpty()) {
            throw new IllegalArgumentException("topic " + topic + " has no partition " + only);
        }
        return found;
    }

    private static boolean hasLeader(TopicPartitionInfo partition) {
        return partition.leader() != null && !partition.leader().isEmpty();
    }

    private static Optional<TopicDescription> describe(Admin admin, String topic) throws Exception {
        try {
            return Optional.of(admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic));
        } catch (ExecutionException e) {
            if (e.getCause() instanceof UnknownTopicOrPartitionException) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private static Admin admin(String bootstrap) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        return Admin.create(properties);
    }

    private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, Map<String, String> given) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("allow.auto.create.topics", "false");
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "none");
        properties.put("max.poll.records", "10000");
        properties.putAll(given);
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static Map<String, String> pairs(String[] args, int first) {
        Map<String, String> pairs = new HashMap<>();
        for (int i = first; i < args.length; i++) {
            int equals = args[i].indexOf('=');
            pairs.put(args[i].substring(0, equals), args[i].substring(equals + 1));
        }
        return pairs;
    }
}
