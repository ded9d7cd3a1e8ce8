/** Formats a node's storage if it is new, then runs the node: one JVM start instead of two. */
public final class KafkaNode {
    public static void main(String[] args) throws Exception {
        String config = args[0];
        String clusterId = args[1];
        int status = kafka.tools.StorageTool.execute(
            new String[] {"format", "--ignore-formatted", "-t", clusterId, "-c", config}, System.out);
        if (status != 0) {
            System.exit(status);
        }
        kafka.Kafka.main(new String[] {config});
    }
}
