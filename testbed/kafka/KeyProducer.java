import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own producer's choice of partitions: TOPIC PROPERTY=VALUE..., and on standard input a key in hexadecimal a
 * line. Prints the partition of each key's record, a line each, in order.
 */
public final class KeyProducer {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        for (int i = 1; i < args.length; i++) {
            String[] parts = args[i].split("=", 2);
            properties.put(parts[0], parts[1]);
        }
        try (KafkaProducer<byte[], byte[]> producer =
                 new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
             BufferedReader keys = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII))) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (String key = keys.readLine(); key != null; key = keys.readLine()) {
                sent.add(producer.send(new ProducerRecord<>(args[0], HexFormat.of().parseHex(key), null)));
            }
            for (Future<RecordMetadata> record : sent) {
                System.out.println(record.get().partition());
            }
        }
    }
}
