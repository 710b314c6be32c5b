package com.redis.flink;

import static com.redis.flink.Entries.fromStream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import com.redis.flink.wire.FieldConsumer;

import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.java.typeutils.GenericTypeInfo;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The map that a message of a stream gives out: every way to write to it is written, and a message
 * that is only read stays the entry's bytes, with its repeated fields.
 */
class RedisMessageDataTest {

    /** The entry has a field twice, so that one can see whether it is written as it came. */
    private static RedisMessage message() {
        return fromStream("key", "k1", "a", "1", "a", "2", "b", "3");
    }

    private static List<String> written(RedisMessage message) {
        List<String> fields = new ArrayList<>();
        message.writeTo(
                new FieldConsumer() {
                    @Override
                    public void field(String name, String value) {
                        fields.add(name + "=" + value);
                    }

                    @Override
                    public void raw(byte[] strings, int from, int to, int pairs) {
                        fields.add("raw " + pairs);
                    }
                });
        return fields;
    }

    private static Arguments way(
            String name, Consumer<Map<String, String>> write, String... fields) {
        List<String> all = new ArrayList<>(List.of("key=k1"));
        all.addAll(List.of(fields));
        return Arguments.of(name, write, all);
    }

    private static Map.Entry<String, String> first(Map<String, String> data) {
        return data.entrySet().iterator().next();
    }

    private static void removeFirst(Iterator<?> left) {
        left.next();
        left.remove();
    }

    /** All methods of {@code Map} and of its views that write. */
    static Stream<Arguments> writes() {
        return Stream.of(
                way("put a new field", d -> d.put("c", "4"), "a=2", "b=3", "c=4"),
                way("put another value", d -> d.put("a", "x"), "a=x", "b=3"),
                way("putAll", d -> d.putAll(Map.of("c", "4")), "a=2", "b=3", "c=4"),
                way("putIfAbsent", d -> d.putIfAbsent("c", "4"), "a=2", "b=3", "c=4"),
                way("remove", d -> d.remove("a"), "b=3"),
                way("remove a pair", d -> d.remove("a", "2"), "b=3"),
                way("clear", Map::clear),
                way("replace", d -> d.replace("a", "x"), "a=x", "b=3"),
                way("replace a pair", d -> d.replace("a", "2", "x"), "a=x", "b=3"),
                way("replaceAll", d -> d.replaceAll((k, v) -> v + k), "a=2a", "b=3b"),
                way("compute", d -> d.compute("a", (k, v) -> v + "x"), "a=2x", "b=3"),
                way("compute to null", d -> d.compute("a", (k, v) -> null), "b=3"),
                way("computeIfAbsent", d -> d.computeIfAbsent("c", k -> k), "a=2", "b=3", "c=c"),
                way("computeIfPresent", d -> d.computeIfPresent("a", (k, v) -> null), "b=3"),
                way("merge", d -> d.merge("a", "x", String::concat), "a=2x", "b=3"),
                way("merge to null", d -> d.merge("a", "x", (l, r) -> null), "b=3"),
                way("entry.setValue", d -> first(d).setValue("x"), "a=x", "b=3"),
                way(
                        "entry.setValue in a stream",
                        d -> d.entrySet().stream().forEach(e -> e.setValue("x")),
                        "a=x",
                        "b=x"),
                way("entrySet.iterator.remove", d -> removeFirst(d.entrySet().iterator()), "b=3"),
                way("entrySet.remove", d -> d.entrySet().remove(Map.entry("a", "2")), "b=3"),
                way("entrySet.removeIf", d -> d.entrySet().removeIf(e -> true)),
                way("entrySet.removeAll", d -> d.entrySet().removeAll(Set.of(first(d))), "b=3"),
                way("entrySet.retainAll", d -> d.entrySet().retainAll(Set.of(first(d))), "a=2"),
                way("entrySet.clear", d -> d.entrySet().clear()),
                way("keySet.iterator.remove", d -> removeFirst(d.keySet().iterator()), "b=3"),
                way("keySet.remove", d -> d.keySet().remove("a"), "b=3"),
                way("keySet.removeIf", d -> d.keySet().removeIf("a"::equals), "b=3"),
                way("keySet.removeAll", d -> d.keySet().removeAll(Set.of("a")), "b=3"),
                way("keySet.retainAll", d -> d.keySet().retainAll(Set.of("a")), "a=2"),
                way("keySet.clear", d -> d.keySet().clear()),
                way("values.iterator.remove", d -> removeFirst(d.values().iterator()), "b=3"),
                way("values.remove", d -> d.values().remove("2"), "b=3"),
                way("values.removeIf", d -> d.values().removeIf("2"::equals), "b=3"),
                way("values.removeAll", d -> d.values().removeAll(Set.of("2")), "b=3"),
                way("values.retainAll", d -> d.values().retainAll(Set.of("2")), "a=2"),
                way("values.clear", d -> d.values().clear()));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("writes")
    void everyWayToWriteIsWritten(
            String name, Consumer<Map<String, String>> write, List<String> fields)
            throws Exception {
        RedisMessage message = message();
        Map<String, String> data = message.getData();
        write.accept(data);

        assertThat(written(message)).isEqualTo(fields);
        assertThat(message.getData()).isSameAs(data);
        assertThat(written(message.copy())).isEqualTo(fields);
        assertThat(written(InstantiationUtil.clone(message))).isEqualTo(fields);
        DataOutputSerializer out = new DataOutputSerializer(16);
        message.serialize(out);
        RedisMessage read =
                RedisMessage.deserialize(new DataInputDeserializer(out.getCopyOfBuffer()));
        assertThat(written(read)).isEqualTo(fields);
        assertThat(read.getId()).isEqualTo("1718-3");

        // And again, now that it is the message's own.
        data.put("more", "5");
        assertThat(written(message)).contains("more=5");
    }

    @Test
    void readingIsNoChange() {
        RedisMessage message = message();
        Map<String, String> data = message.getData();

        assertThat(data).containsExactly(entry("a", "2"), entry("b", "3")).hasSize(2);
        assertThat(data.get("a")).isEqualTo("2");
        assertThat(data.getOrDefault("c", "none")).isEqualTo("none");
        assertThat(data.containsKey("c")).isFalse();
        assertThat(data.containsValue("3")).isTrue();
        assertThat(data.keySet()).containsExactly("a", "b");
        assertThat(data.values()).containsExactly("2", "3");
        assertThat(data)
                .isEqualTo(Map.of("a", "2", "b", "3"))
                .hasSameHashCodeAs(Map.of("a", "2", "b", "3"))
                .hasToString("{a=2, b=3}");
        assertThat(first(data)).isEqualTo(entry("a", "2")).hasToString("a=2");
        data.forEach((name, value) -> assertThat(value).isNotEmpty());

        assertThat(written(message)).containsExactly("raw 4");
    }

    @Test
    void writingWhatIsThereIsNoChange() {
        RedisMessage message = message();
        Map<String, String> data = message.getData();

        data.put("a", "2");
        data.putAll(Map.of("a", "2"));
        data.putIfAbsent("a", "x");
        data.computeIfAbsent("a", name -> "x");
        data.replaceAll((name, value) -> value);
        first(data).setValue("2");
        data.remove("c");
        data.remove("a", "x");
        data.keySet().removeIf("c"::equals);
        data.values().retainAll(Set.of("2", "3"));
        fromStream("key", "k1").getData().clear();

        assertThat(written(message)).containsExactly("raw 4");
    }

    @Test
    void nullIsAChangeToo() {
        RedisMessage message = message();
        message.getData().put("c", null);

        assertThat(message.getData()).containsEntry("c", null).hasSize(3);
    }

    @Test
    void aMapThatIsTheMessagesNoMoreChangesNothing() {
        RedisMessage message = message();
        Map<String, String> before = message.getData();
        message.setData(new LinkedHashMap<>(Map.of("c", "4")));
        before.put("a", "x");

        assertThat(written(message)).containsExactly("key=k1", "c=4");
        assertThat(before).containsEntry("a", "x");
    }

    @Test
    void aChangeBehindACopyStaysThere() {
        RedisMessage message = message();
        Map<String, String> data = message.getData();
        RedisMessage copy = message.copy();
        data.put("c", "4");
        copy.getData().remove("b");

        assertThat(message.getData()).containsOnlyKeys("a", "b", "c");
        assertThat(written(copy)).containsExactly("key=k1", "a=2");
    }

    /** What jobs do that emit the map by itself, or keep messages in types of their own. */
    @Test
    void travelsByKryoAndByJavaSerialization() throws Exception {
        Map<String, String> data = message().getData();
        assertThat(InstantiationUtil.clone((Serializable) data))
                .isInstanceOf(LinkedHashMap.class)
                .isEqualTo(data);
        Map<?, ?> read = byKryo(Map.class, data);
        assertThat(read).isEqualTo(data);

        for (RedisMessage copy : byKryo(message())) {
            copy.getData().put("c", "4");
            assertThat(written(copy)).containsExactly("key=k1", "a=2", "b=3", "c=4");
        }
        RedisMessage looked = message();
        looked.getData();
        for (RedisMessage copy : byKryo(looked)) {
            assertThat(written(copy)).containsExactly("raw 4");
            copy.getData().put("c", "4");
            assertThat(written(copy)).containsExactly("key=k1", "a=2", "b=3", "c=4");
        }
        looked.getData().put("d", "5");
        for (RedisMessage copy : byKryo(looked)) {
            copy.getData().put("c", "4");
            assertThat(written(copy)).containsExactly("key=k1", "a=2", "b=3", "d=5", "c=4");
        }
        assertThat(written(looked)).containsExactly("key=k1", "a=2", "b=3", "d=5");
    }

    private static List<RedisMessage> byKryo(RedisMessage message) throws Exception {
        TypeSerializer<RedisMessage> kryo =
                new GenericTypeInfo<>(RedisMessage.class)
                        .createSerializer(new SerializerConfigImpl());
        return List.of(kryo.copy(message), byKryo(RedisMessage.class, message));
    }

    private static <T> T byKryo(Class<T> type, T value) throws Exception {
        TypeSerializer<T> kryo =
                new GenericTypeInfo<>(type).createSerializer(new SerializerConfigImpl());
        DataOutputSerializer out = new DataOutputSerializer(64);
        kryo.serialize(value, out);
        return kryo.deserialize(new DataInputDeserializer(out.getCopyOfBuffer()));
    }
}
