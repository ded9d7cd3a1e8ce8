import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Kafka's own producer, driven line by line: TOPIC PARTITION TIMESTAMP VALUE sends a record, - as a timestamp being now.
 * Each outcome is a line: VALUE OFFSET, or VALUE error and the reason. The line metrics has its metrics printed, each
 * as metric GROUP NAME TAG VALUE, and metric end behind them. The line id has its client instance id printed as metric ID.
 * The end of input closes the producer.
 */
public final class LineProducer {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        for (String arg : args) {
            String[] parts = arg.split("=", 2);
            properties.put(parts[0], parts[1]);
        }
        try (KafkaProducer<String, String> producer =
                 new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
             BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.equals("id")) {
                    System.out.println("metric " + producer.clientInstanceId(Duration.ofSeconds(60)));
                    continue;
                }
                if (line.equals("metrics")) {
                    print(producer.metrics());
                    continue;
                }
                String[] parts = line.split(" ", 4);
                Long timestamp = parts[2].equals("-") ? null : Long.valueOf(parts[2]);
                String value = parts[3];
                producer.send(new ProducerRecord<>(parts[0], Integer.valueOf(parts[1]), timestamp, null, value),
                    (metadata, error) -> System.out.println(error == null
                        ? value + " " + metadata.offset()
                        : value + " error " + error.toString().replace('\n', ' ')));
            }
        }
    }

    private static void print(Map<MetricName, ? extends Metric> metrics) {
        metrics.forEach((name, metric) -> {
            if (metric.metricValue() instanceof Number value) {
                Map<String, String> tags = name.tags();
                String tag = tags.getOrDefault("topic", tags.getOrDefault("node-id", "-"));
                System.out.println("metric " + name.group() + " " + name.name() + " " + tag + " " + value.doubleValue());
            }
        });
        System.out.println("metric end");
    }
}
