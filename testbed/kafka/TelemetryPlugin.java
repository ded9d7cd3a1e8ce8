import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.common.metrics.KafkaMetric;
import org.apache.kafka.common.metrics.MetricsReporter;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.apache.kafka.server.telemetry.ClientTelemetry;
import org.apache.kafka.server.telemetry.ClientTelemetryPayload;
import org.apache.kafka.server.telemetry.ClientTelemetryReceiver;
import org.apache.kafka.shaded.io.opentelemetry.proto.common.v1.KeyValue;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.Metric;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.MetricsData;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.NumberDataPoint;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.ResourceMetrics;

/**
 * Takes what clients push, and appends it to the file that the setting testbed.telemetry.file names: for each push its
 * metrics, each as metric NAME KIND ATTRIBUTES START TIME VALUE, and push CLIENT-ID INSTANCE-ID TERMINATING behind them.
 */
@SuppressWarnings("removal")
public final class TelemetryPlugin implements MetricsReporter, ClientTelemetry, ClientTelemetryReceiver {
    private Path file;

    @Override
    public void configure(Map<String, ?> configs) {
        Object name = configs.get("testbed.telemetry.file");
        file = name == null ? null : Path.of(name.toString());
    }

    @Override
    public ClientTelemetryReceiver clientReceiver() {
        return this;
    }

    @Override
    public synchronized void exportMetrics(AuthorizableRequestContext context, ClientTelemetryPayload payload) {
        StringBuilder lines = new StringBuilder();
        try {
            for (ResourceMetrics resource : MetricsData.parseFrom(payload.data()).getResourceMetricsList()) {
                String of = attributes(resource.getResource().getAttributesList());
                resource.getScopeMetricsList().forEach(scope -> scope.getMetricsList()
                    .forEach(metric -> write(metric, of, lines)));
            }
            lines.append("push ").append(context.clientId()).append(' ').append(payload.clientInstanceId()).append(' ')
                .append(payload.isTerminating()).append('\n');
            Files.write(file, lines.toString().getBytes(StandardCharsets.UTF_8),
                StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static void write(Metric metric, String resource, StringBuilder lines) {
        boolean isSum = metric.hasSum();
        String kind = isSum ? metric.getSum().getAggregationTemporality().name() : "GAUGE";
        if (isSum && !metric.getSum().getIsMonotonic()) {
            throw new IllegalArgumentException(metric.getName() + " is a sum that isn't monotonic");
        }
        List<NumberDataPoint> points = isSum ? metric.getSum().getDataPointsList() : metric.getGauge().getDataPointsList();
        for (NumberDataPoint point : points) {
            double value = point.hasAsInt() ? point.getAsInt() : point.getAsDouble();
            lines.append(String.join(" ", "metric", metric.getName(), kind, resource,
                attributes(point.getAttributesList()), Long.toString(point.getStartTimeUnixNano()),
                Long.toString(point.getTimeUnixNano()), Double.toString(value))).append('\n');
        }
    }

    private static String attributes(List<KeyValue> attributes) {
        return attributes.isEmpty() ? "-" : attributes.stream()
            .map(attribute -> attribute.getKey() + "=" + attribute.getValue().getStringValue())
            .sorted().collect(Collectors.joining(","));
    }

    @Override
    public void init(List<KafkaMetric> metrics) {
    }

    @Override
    public void metricChange(KafkaMetric metric) {
    }

    @Override
    public void metricRemoval(KafkaMetric metric) {
    }

    @Override
    public void close() {
    }
}
