// Writes serializers.tsv: what Kafka's serializers make of some values, as hex, and Java's names of
// charsets. Run it with Kafka's libs directory:
//   java -cp 'libs/*' Serializers.java > serializers.tsv
// Columns: serializer, and its inner one or encoding behind a colon; the value as text; the bytes.

import java.nio.charset.Charset;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.UUID;
import org.apache.kafka.common.serialization.*;

public class Serializers {
    static void row(String name, String text, byte[] bytes) {
        System.out.println(name + "\t" + text + "\t" + HexFormat.of().formatHex(bytes));
    }

    @SafeVarargs
    static <T> void all(String name, Serializer<T> serializer, T... values) {
        for (T value : values) {
            row(name, String.valueOf(value), serializer.serialize("t", value));
        }
    }

    static <T> void lists(String name, Serializer<T> inner, List<List<T>> lists) {
        try (ListSerializer<T> serializer = new ListSerializer<>(inner)) {
            for (List<T> list : lists) {
                String text = String.join(",", list.stream().map(String::valueOf).toList());
                row("ListSerializer:" + name, text, serializer.serialize("t", list));
            }
        }
    }

    public static void main(String[] args) {
        all("ShortSerializer", new ShortSerializer(), (short) 0, (short) 1, (short) -2, Short.MIN_VALUE, Short.MAX_VALUE);
        all("IntegerSerializer", new IntegerSerializer(), 0, 42, -42, Integer.MIN_VALUE, Integer.MAX_VALUE);
        all("LongSerializer", new LongSerializer(), 0L, 42L, -42L, Long.MIN_VALUE, Long.MAX_VALUE);
        all("FloatSerializer", new FloatSerializer(), 0f, -0f, 7.5f, -1e-45f, 3.4028235e38f, Float.NaN,
            Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY);
        all("DoubleSerializer", new DoubleSerializer(), 0d, -0d, 7.5, -4.9e-324, 1.7976931348623157e308, Double.NaN,
            Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY);
        for (int bits : new int[] {0x7fc00001, 0x7fffffff, 0xffc00000}) {
            row("FloatSerializer", "bits " + HexFormat.of().toHexDigits(bits),
                new FloatSerializer().serialize("t", Float.intBitsToFloat(bits)));
        }
        for (long bits : new long[] {0x7ff8000000000001L, 0x7fffffffffffffffL, 0xfff8000000000000L}) {
            row("DoubleSerializer", "bits " + HexFormat.of().toHexDigits(bits),
                new DoubleSerializer().serialize("t", Double.longBitsToDouble(bits)));
        }
        all("BooleanSerializer", new BooleanSerializer(), true, false);
        all("UUIDSerializer", new UUIDSerializer(), new UUID(0, 0), new UUID(-1, -1),
            UUID.fromString("0188F5C3-8d0e-7B5a-9c1d-00e0ff10203a"));

        String[] texts = {"", "kafka", "Zürich", "Ā€", "日本", "a😀b"};
        String[] encodings = {"UTF-8", "UTF-16", "UTF-16BE", "UTF-16LE", "ISO-8859-1", "US-ASCII"};
        for (String encoding : encodings) {
            StringSerializer serializer = new StringSerializer();
            serializer.configure(Map.of("serializer.encoding", encoding), false);
            all("StringSerializer:" + encoding, serializer, texts);
            UUIDSerializer uuids = new UUIDSerializer();
            uuids.configure(Map.of("serializer.encoding", encoding), false);
            all("UUIDSerializer:" + encoding, uuids, UUID.fromString("0188F5C3-8d0e-7B5a-9c1d-00e0ff10203a"));
        }
        for (String encoding : encodings) {
            TreeSet<String> aliases = new TreeSet<>(Charset.forName(encoding).aliases());
            aliases.remove("default"); // US-ASCII in some versions of Java only
            for (String alias : aliases) {
                System.out.println("alias:" + encoding + "\t" + alias + "\t");
            }
        }

        lists("ShortSerializer", new ShortSerializer(), List.of(List.of((short) 1, (short) 2), List.of()));
        lists("IntegerSerializer", new IntegerSerializer(),
            List.of(List.of(1, -2), List.of(), Arrays.asList(null, 7, null)));
        lists("LongSerializer", new LongSerializer(), List.of(Arrays.asList(1L, null)));
        lists("FloatSerializer", new FloatSerializer(), List.of(List.of(7.5f)));
        lists("DoubleSerializer", new DoubleSerializer(), List.of(List.of(7.5)));
        lists("UUIDSerializer", new UUIDSerializer(), List.of(Arrays.asList(new UUID(1, 2), null)));
        lists("BooleanSerializer", new BooleanSerializer(), List.of(Arrays.asList(true, null)));
        lists("StringSerializer", new StringSerializer(), List.of(Arrays.asList("a", null, "", "bc"), List.of()));
    }
}
