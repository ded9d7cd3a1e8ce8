// Puts load on Kafka's Java producer: each record's callback is told of its outcome. It takes the arguments and prints the report
// of the Rust programs; see ../load.

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class Load {
    private static final int KEYS = 65_536;
    private static final int KEY_LENGTH = 16;

    private final String topic;
    private final boolean keyed;
    private final int size;
    private final int senders;
    private final long rate;
    private final byte[] pool;
    private final KafkaProducer<byte[], byte[]> producer;
    private final LongAdder delivered = new LongAdder();
    private final AtomicReference<Exception> failure = new AtomicReference<>();
    private long[] latencies = new long[0];
    private final AtomicInteger latencyCount = new AtomicInteger();

    private Load(Map<String, String> args, byte[] pool, KafkaProducer<byte[], byte[]> producer) {
        this.topic = args.get("topic");
        this.keyed = args.containsKey("keyed");
        this.size = Integer.parseInt(args.get("size"));
        this.senders = Math.max(1, Integer.parseInt(args.get("senders")));
        this.rate = Long.parseLong(args.getOrDefault("rate", "0"));
        this.pool = pool;
        this.producer = producer;
        if (size <= 0 || pool.length < Math.max(size, KEYS * KEY_LENGTH)) {
            throw new IllegalArgumentException("a pool of " + pool.length + " bytes is too small");
        }
    }

    public static void main(String[] words) throws Exception {
        Map<String, String> args = arguments(words);
        byte[] pool = Files.readAllBytes(Path.of(args.get("pool")));
        Map<String, String> told = settings(args);
        Properties properties = new Properties();
        properties.putAll(told);
        properties.put("bootstrap.servers", args.get("bootstrap"));
        try (var producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
            Load load = new Load(args, pool, producer);
            load.sendAll(Integer.parseInt(args.get("warmup")));
            var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
            long before = system.getProcessCpuTime();
            int records = Integer.parseInt(args.get("records"));
            double seconds = load.sendAll(records);
            double cpu = (system.getProcessCpuTime() - before) / 1e9;
            String settings = told.entrySet().stream()
                .map(setting -> "\"" + setting.getKey() + "\":\"" + setting.getValue() + "\"")
                .collect(Collectors.joining(",", "{", "}"));
            System.out.println("{\"settings\":" + settings
                + ",\"records\":" + records + ",\"seconds\":" + seconds + ",\"cpu_seconds\":" + cpu
                + ",\"peak_kib\":" + peakKib() + ",\"latency\":" + load.latency() + "}");
        }
    }

    /** Words such as --size 100; --keyed alone has no value. */
    private static Map<String, String> arguments(String[] words) {
        Map<String, String> args = new HashMap<>();
        for (int at = 0; at < words.length; at++) {
            boolean valued = at + 1 < words.length && !words[at + 1].startsWith("--");
            args.put(words[at].substring(2), valued ? words[++at] : "");
        }
        return args;
    }

    /** All that the producer is told. acks=all and idempotence are its defaults. */
    private static Map<String, String> settings(Map<String, String> args) {
        Map<String, String> settings = new TreeMap<>();
        settings.put("compression.type", args.get("compression"));
        if (args.get("settings").equals("best")) {
            settings.put("batch.size", "131072");
            settings.put("buffer.memory", "67108864");
        }
        if (args.containsKey("linger-ms")) {
            settings.put("linger.ms", args.get("linger-ms"));
        }
        return settings;
    }

    /** Returns the seconds until each record was delivered. */
    private double sendAll(int records) throws Exception {
        delivered.reset();
        latencyCount.set(0);
        latencies = new long[rate > 0 ? records : 0];
        long start = System.nanoTime();
        Thread[] threads = new Thread[senders];
        for (int sender = 0; sender < senders; sender++) {
            long from = (long) records * sender / senders;
            long to = (long) records * (sender + 1) / senders;
            threads[sender] = new Thread(() -> send(from, to, start));
            threads[sender].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        producer.flush();
        double seconds = (System.nanoTime() - start) / 1e9;
        if (failure.get() != null) {
            throw new ExecutionException(failure.get());
        }
        if (delivered.sum() != records) {
            throw new IllegalStateException("of " + records + " records " + delivered.sum() + " were delivered");
        }
        return seconds;
    }

    private void send(long from, long to, long start) {
        Callback told = (metadata, error) -> tell(error);
        try {
            for (long i = from; i < to; i++) {
                if (rate > 0) {
                    long intended = start + (i - from) * senders * 1_000_000_000L / rate;
                    for (long early; (early = intended - System.nanoTime()) > 0;) {
                        LockSupport.parkNanos(early);
                    }
                    told = (metadata, error) -> {
                        tell(error);
                        latencies[latencyCount.getAndIncrement()] = System.nanoTime() - intended;
                    };
                }
                producer.send(record(i), told);
            }
        } catch (RuntimeException error) {
            failure.compareAndSet(null, error);
        }
    }

    /** Java has no slices: a value is an array of its own. */
    private ProducerRecord<byte[], byte[]> record(long i) {
        int at = (int) (i % (pool.length / size)) * size;
        int keyAt = (int) (i % KEYS) * KEY_LENGTH;
        byte[] key = keyed ? Arrays.copyOfRange(pool, keyAt, keyAt + KEY_LENGTH) : null;
        return new ProducerRecord<>(topic, key, Arrays.copyOfRange(pool, at, at + size));
    }

    private void tell(Exception error) {
        if (error == null) {
            delivered.increment();
        } else {
            failure.compareAndSet(null, error);
        }
    }

    private String latency() {
        if (latencies.length == 0) {
            return "null";
        }
        long[] sorted = Arrays.copyOf(latencies, latencyCount.get());
        Arrays.sort(sorted);
        return "{\"p50_us\":" + at(sorted, 0.5) + ",\"p99_us\":" + at(sorted, 0.99) + ",\"p999_us\":" + at(sorted, 0.999)
            + ",\"max_us\":" + at(sorted, 1) + "}";
    }

    private static double at(long[] sorted, double quantile) {
        return sorted[Math.min((int) (quantile * sorted.length), sorted.length - 1)] / 1e3;
    }

    private static long peakKib() throws Exception {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new IllegalStateException("/proc/self/status has no VmHWM");
    }
}
