// Writes bytes by Apache Kafka's own classes for raban's tests, and reads batches that raban wrote.
//
// From the root of the repository:
//
//     mvn -q -f testbed/kafka/pom.xml dependency:build-classpath -Dkafka.version=4.4.0 -Dmdep.outputFile=/tmp/classpath
//     java -cp "$(cat /tmp/classpath)" testbed/java/GoldenBatches.java write \
//         crates/raban-protocol/tests/golden crates/raban-core/tests/golden/murmur2.tsv
//     java -cp "$(cat /tmp/classpath)" testbed/java/GoldenBatches.java read BATCH...
//
// write: batch-CASE.tsv says which records are in batch-CASE-COMPRESSION.bin: a line with producer id, epoch and
// sequence, then a line per record with timestamp, key, value and headers (KEY=VALUE,...), all bytes in hexadecimal, "-"
// for null, BYTES*N for a repetition. API-request.tsv and API-response.tsv have a line per version with the version, the
// frame in hexadecimal, and the message as JSON. murmur2.tsv has a key per line and its partition of 1, 3, 7, 100.
// read: prints the records of each file as batch-CASE.tsv has them.

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

public class GoldenBatches {
    private static final HexFormat HEX = HexFormat.of();
    private static final int CORRELATION_ID = 7;
    private static final String CLIENT_ID = "raban";
    private static final Uuid TOPIC_ID = new Uuid(0x0102030405060708L, 0x090a0b0c0d0e0f10L);

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "write" -> {
                Path dir = Path.of(args[1]);
                Files.createDirectories(dir);
                writeBatches(dir);
                writeMessages(dir);
                writePartitions(Path.of(args[2]));
            }
            case "read" -> {
                for (String file : Arrays.asList(args).subList(1, args.length))
                    readBatches(Path.of(file));
            }
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    // Batches

    private record Rec(long timestamp, String key, String value, String... headers) { }

    private record Producer(long id, short epoch, int sequence) { }

    private static String text(String text) {
        return HEX.formatHex(text.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] bytes(String notation) {
        if (notation.equals("-"))
            return null;
        String[] parts = notation.split("\\*");
        byte[] unit = HEX.parseHex(parts[0]);
        if (parts.length == 1)
            return unit;
        int times = Integer.parseInt(parts[1]);
        ByteBuffer repeated = ByteBuffer.allocate(unit.length * times);
        for (int i = 0; i < times; i++)
            repeated.put(unit);
        return repeated.array();
    }

    private static void writeBatches(Path dir) throws Exception {
        long t = 1_700_000_000_000L;
        Producer none = new Producer(-1, (short) -1, -1);
        batch(dir, "plain", none, List.of(
            new Rec(t, text("key"), text("value")),
            new Rec(t + 1, text("ключ"), text("värde \uD83E\uDD80"))));
        batch(dir, "nulls", none, List.of(
            new Rec(t, "-", "-"),
            new Rec(t, "", ""),
            new Rec(t, "-", ""),
            new Rec(t, "", "-"),
            new Rec(t, "-", text("value without key")),
            new Rec(t, text("tombstone"), "-")));
        batch(dir, "headers", none, List.of(
            new Rec(t, text("key"), text("value"), text("trace") + "=" + text("1"), text("trace") + "=" + text("2"),
                text("trace") + "=-", "=", text("größe") + "=00ff80", text("trace") + "="),
            new Rec(t, "-", "-", text("only") + "=" + text("header"))));
        batch(dir, "timestamps", none, List.of(
            new Rec(t, "-", text("base")),
            new Rec(t - 1, "-", text("-1 ms")),
            new Rec(t - 86_400_000L, "-", text("a day before")),
            new Rec(0, "-", text("1970")),
            new Rec(t + 31_536_000_000L, "-", text("a year after"))));
        batch(dir, "idempotent", new Producer(4_611_686_018_427_387_904L, (short) 32_000, 2_147_483_640), numbered(t, 300));
        batch(dir, "long", new Producer(1000, (short) 0, 0), List.of(
            new Rec(t, text("long"), text("abcdefghijklmno") + "*10000"),
            new Rec(t + 5, "00ff*40000", text("after"))));
    }

    private static List<Rec> numbered(long timestamp, int count) {
        List<Rec> records = new ArrayList<>();
        for (int i = 0; i < count; i++)
            records.add(new Rec(timestamp + i / 3, text("key-" + i % 10), text("value number " + i)));
        return records;
    }

    private static void batch(Path dir, String name, Producer producer, List<Rec> records) throws Exception {
        StringBuilder said = new StringBuilder();
        said.append("batch\t%d\t%d\t%d\n".formatted(producer.id, producer.epoch, producer.sequence));
        for (Rec r : records)
            said.append(r.timestamp + "\t" + r.key + "\t" + r.value + "\t" + String.join(",", r.headers) + "\n");
        Files.writeString(dir.resolve("batch-" + name + ".tsv"), said);
        for (CompressionType type : CompressionType.values()) {
            MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 20), RecordBatch.MAGIC_VALUE_V2,
                Compression.of(type).build(), TimestampType.CREATE_TIME, 0, RecordBatch.NO_TIMESTAMP, producer.id,
                producer.epoch, producer.sequence, false, RecordBatch.NO_PARTITION_LEADER_EPOCH);
            for (Rec r : records)
                builder.append(r.timestamp, bytes(r.key), bytes(r.value), headers(r.headers));
            ByteBuffer written = builder.build().buffer();
            byte[] batch = new byte[written.remaining()];
            written.get(batch);
            Files.write(dir.resolve("batch-" + name + "-" + type.name + ".bin"), batch);
        }
    }

    private static Header[] headers(String[] notations) {
        return Arrays.stream(notations).map(notation -> {
            int equals = notation.indexOf('=');
            String key = new String(bytes(notation.substring(0, equals)), StandardCharsets.UTF_8);
            return (Header) new RecordHeader(key, bytes(notation.substring(equals + 1)));
        }).toArray(Header[]::new);
    }

    private static void readBatches(Path file) throws Exception {
        StringBuilder read = new StringBuilder();
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(file))).batches()) {
            batch.ensureValid();
            read.append("batch\t%d\t%d\t%d\n".formatted(batch.producerId(), batch.producerEpoch(), batch.baseSequence()));
            int count = 0;
            for (Record record : batch) {
                record.ensureValid();
                List<String> headers = new ArrayList<>();
                for (Header header : record.headers())
                    headers.add(text(header.key()) + "=" + (header.value() == null ? "-" : HEX.formatHex(header.value())));
                read.append(record.timestamp() + "\t" + hex(record.key()) + "\t" + hex(record.value()) + "\t"
                    + String.join(",", headers) + "\n");
                count++;
            }
            if (count != batch.countOrNull())
                throw new IllegalStateException(count + " records instead of " + batch.countOrNull());
        }
        System.out.print(read);
    }

    private static String hex(ByteBuffer buffer) {
        if (buffer == null)
            return "-";
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return HEX.formatHex(bytes);
    }

    // Messages

    private interface MessageOf {
        ApiMessage at(short version);
    }

    private static void writeMessages(Path dir) throws Exception {
        messages(dir, ApiKeys.API_VERSIONS, v -> new ApiVersionsRequestData()
            .setClientSoftwareName("raban").setClientSoftwareVersion("0.1.0").setClusterId("cluster").setNodeId(3),
            v -> apiVersions());
        messages(dir, ApiKeys.METADATA, GoldenBatches::metadataRequest, GoldenBatches::metadataResponse);
        messages(dir, ApiKeys.PRODUCE, GoldenBatches::produceRequest, GoldenBatches::produceResponse);
        messages(dir, ApiKeys.INIT_PRODUCER_ID, GoldenBatches::initProducerIdRequest, v -> new InitProducerIdResponseData()
            .setThrottleTimeMs(5).setErrorCode((short) 47).setProducerId(1L << 40).setProducerEpoch((short) 9));
    }

    private static ApiMessage apiVersions() {
        var keys = new ApiVersionsResponseData.ApiVersionCollection();
        for (ApiKeys key : List.of(ApiKeys.PRODUCE, ApiKeys.FETCH, ApiKeys.METADATA, ApiKeys.API_VERSIONS))
            keys.add(new ApiVersionsResponseData.ApiVersion().setApiKey(key.id)
                .setMinVersion(key.oldestVersion()).setMaxVersion(key.latestVersion()));
        var supported = new ApiVersionsResponseData.SupportedFeatureKeyCollection();
        supported.add(new ApiVersionsResponseData.SupportedFeatureKey().setName("transaction.version")
            .setMinVersion((short) 1).setMaxVersion((short) 2));
        var finalized = new ApiVersionsResponseData.FinalizedFeatureKeyCollection();
        finalized.add(new ApiVersionsResponseData.FinalizedFeatureKey().setName("transaction.version")
            .setMinVersionLevel((short) 2).setMaxVersionLevel((short) 2));
        return new ApiVersionsResponseData().setThrottleTimeMs(11).setApiKeys(keys).setSupportedFeatures(supported)
            .setFinalizedFeatures(finalized).setFinalizedFeaturesEpoch(42);
    }

    private static ApiMessage metadataRequest(short version) {
        var request = new MetadataRequestData().setTopics(List.of(
            new MetadataRequestData.MetadataRequestTopic().setName("first"),
            new MetadataRequestData.MetadataRequestTopic().setName(version >= 12 ? null : "second")
                .setTopicId(version >= 12 ? TOPIC_ID : Uuid.ZERO_UUID)));
        if (version >= 4)
            request.setAllowAutoTopicCreation(false);
        if (version >= 8)
            request.setIncludeTopicAuthorizedOperations(true);
        return request;
    }

    private static ApiMessage metadataResponse(short version) {
        var brokers = new MetadataResponseData.MetadataResponseBrokerCollection();
        brokers.add(new MetadataResponseData.MetadataResponseBroker().setNodeId(1).setHost("one.example").setPort(9092));
        brokers.add(new MetadataResponseData.MetadataResponseBroker().setNodeId(2).setHost("two.example").setPort(9093)
            .setRack("rack-b"));
        var topics = new MetadataResponseData.MetadataResponseTopicCollection();
        var topic = new MetadataResponseData.MetadataResponseTopic().setName("first").setTopicId(TOPIC_ID)
            .setIsInternal(true).setPartitions(List.of(
                new MetadataResponseData.MetadataResponsePartition().setPartitionIndex(0).setLeaderId(1).setLeaderEpoch(7)
                    .setReplicaNodes(List.of(1, 2)).setIsrNodes(List.of(1)).setOfflineReplicas(List.of(2)),
                new MetadataResponseData.MetadataResponsePartition().setPartitionIndex(1).setLeaderId(-1)
                    .setErrorCode((short) 5).setReplicaNodes(List.of(2)).setIsrNodes(List.of())));
        if (version >= 8)
            topic.setTopicAuthorizedOperations(0x0f);
        topics.add(topic);
        topics.add(new MetadataResponseData.MetadataResponseTopic().setName("second").setErrorCode((short) 3));
        var response = new MetadataResponseData().setThrottleTimeMs(3).setBrokers(brokers).setClusterId("cluster")
            .setControllerId(1).setTopics(topics);
        if (version >= 13)
            response.setErrorCode((short) 129);
        return response;
    }

    private static ApiMessage produceRequest(short version) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1024), RecordBatch.MAGIC_VALUE_V2,
            Compression.NONE, TimestampType.CREATE_TIME, 0, RecordBatch.NO_TIMESTAMP, 1000, (short) 1, 5, false,
            RecordBatch.NO_PARTITION_LEADER_EPOCH);
        builder.append(1_700_000_000_000L, "key".getBytes(StandardCharsets.UTF_8), "value".getBytes(StandardCharsets.UTF_8));
        var topics = new ProduceRequestData.TopicProduceDataCollection();
        topics.add(new ProduceRequestData.TopicProduceData().setName(version >= 13 ? "" : "first")
            .setTopicId(version >= 13 ? TOPIC_ID : Uuid.ZERO_UUID).setPartitionData(List.of(
                new ProduceRequestData.PartitionProduceData().setIndex(0).setRecords(builder.build()),
                new ProduceRequestData.PartitionProduceData().setIndex(6).setRecords(null))));
        return new ProduceRequestData().setTransactionalId("transaction").setAcks((short) -1).setTimeoutMs(30_000)
            .setTopicData(topics);
    }

    private static ApiMessage produceResponse(short version) {
        var first = new ProduceResponseData.PartitionProduceResponse().setIndex(0).setBaseOffset(1L << 33)
            .setLogAppendTimeMs(1_700_000_000_000L).setLogStartOffset(17);
        var second = new ProduceResponseData.PartitionProduceResponse().setIndex(6).setErrorCode((short) 87).setBaseOffset(-1);
        if (version >= 8)
            second.setErrorMessage("invalid").setRecordErrors(List.of(
                new ProduceResponseData.BatchIndexAndErrorMessage().setBatchIndex(2).setBatchIndexErrorMessage("why"),
                new ProduceResponseData.BatchIndexAndErrorMessage().setBatchIndex(4)));
        var response = new ProduceResponseData().setThrottleTimeMs(21);
        if (version >= 10) {
            second.setCurrentLeader(new ProduceResponseData.LeaderIdAndEpoch().setLeaderId(2).setLeaderEpoch(8));
            var nodes = new ProduceResponseData.NodeEndpointCollection();
            nodes.add(new ProduceResponseData.NodeEndpoint().setNodeId(2).setHost("two.example").setPort(9093).setRack("b"));
            response.setNodeEndpoints(nodes);
        }
        var topics = new ProduceResponseData.TopicProduceResponseCollection();
        topics.add(new ProduceResponseData.TopicProduceResponse().setName(version >= 13 ? "" : "first")
            .setTopicId(version >= 13 ? TOPIC_ID : Uuid.ZERO_UUID).setPartitionResponses(List.of(first, second)));
        return response.setResponses(topics);
    }

    private static ApiMessage initProducerIdRequest(short version) {
        var request = new InitProducerIdRequestData().setTransactionTimeoutMs(60_000);
        if (version % 2 == 1)
            request.setTransactionalId("transaction");
        if (version >= 3)
            request.setProducerId(1L << 40).setProducerEpoch((short) 8);
        return request;
    }

    private static void messages(Path dir, ApiKeys api, MessageOf request, MessageOf response) throws Exception {
        StringBuilder requests = new StringBuilder();
        StringBuilder responses = new StringBuilder();
        // Without a last version that the release doesn't call stable: it may still change.
        for (short version = api.oldestVersion(); version <= api.latestVersion(false); version++) {
            var requestHeader = new RequestHeaderData().setRequestApiKey(api.id).setRequestApiVersion(version)
                .setCorrelationId(CORRELATION_ID).setClientId(CLIENT_ID);
            line(requests, version, requestHeader, api.requestHeaderVersion(version), request.at(version));
            var responseHeader = new ResponseHeaderData().setCorrelationId(CORRELATION_ID);
            line(responses, version, responseHeader, api.responseHeaderVersion(version), response.at(version));
        }
        String name = api.name.replaceAll("([a-z])([A-Z])", "$1-$2").toLowerCase();
        Files.writeString(dir.resolve(name + "-request.tsv"), requests);
        Files.writeString(dir.resolve(name + "-response.tsv"), responses);
    }

    private static void line(StringBuilder out, short version, ApiMessage header, short headerVersion, ApiMessage body)
            throws Exception {
        var cache = new ObjectSerializationCache();
        int size = header.size(cache, headerVersion) + body.size(cache, version);
        ByteBuffer frame = ByteBuffer.allocate(4 + size).putInt(size);
        var writable = new ByteBufferAccessor(frame);
        header.write(writable, cache, headerVersion);
        body.write(writable, cache, version);
        Object json = Class.forName(body.getClass().getName() + "JsonConverter")
            .getMethod("write", body.getClass(), short.class).invoke(null, body, version);
        out.append(version + "\t" + HEX.formatHex(frame.array()) + "\t" + json + "\n");
    }

    // Partitions

    private static void writePartitions(Path file) throws Exception {
        Map<String, byte[]> keys = new TreeMap<>();
        List<byte[]> all = new ArrayList<>();
        all.add(new byte[0]);
        for (String key : List.of("a", "ab", "abc", "abcd", "abcde", "key", "customer-42", "21", "foobar",
                "The quick brown fox jumps over the lazy dog", "größe", "ключ", "キー", "🦀", "e\u0301", "\u0000", " "))
            all.add(key.getBytes(StandardCharsets.UTF_8));
        for (int i = 0; i < 60; i++)
            all.add(("key-" + i).getBytes(StandardCharsets.UTF_8));
        for (int value : new int[] {0x00, 0x7f, 0x80, 0xff})
            for (int length : new int[] {1, 2, 3, 4, 5, 8}) {
                byte[] key = new byte[length];
                Arrays.fill(key, (byte) value);
                all.add(key);
            }
        Random random = new Random(42);
        for (int length = 1; length <= 80; length++) {
            byte[] key = new byte[length];
            random.nextBytes(key);
            all.add(key);
        }
        for (int length : new int[] {255, 256, 1000, 1023}) {
            byte[] key = new byte[length];
            random.nextBytes(key);
            all.add(key);
        }
        StringBuilder lines = new StringBuilder();
        for (byte[] key : all) {
            if (keys.put(HEX.formatHex(key), key) != null)
                continue;
            lines.append(HEX.formatHex(key));
            for (int partitions : new int[] {1, 3, 7, 100})
                lines.append("\t" + BuiltInPartitioner.partitionForKey(key, partitions));
            lines.append("\n");
        }
        Files.createDirectories(file.getParent());
        Files.writeString(file, lines);
    }
}
