package com.redis.flink;

import static com.redis.flink.Entries.fromStream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.flink.api.common.serialization.SerializerConfigImpl;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.lang.reflect.Modifier;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** How messages travel between tasks and into state. */
class RedisMessageSerializerTest {

    private static final byte[] NOT_UTF8 = {(byte) 0xff, 0, (byte) 0xc3, '('};

    /**
     * What the first version wrote by Java's serialization of an entry with the key k1 and a twice:
     * untouched, read, and with a field b put to its map.
     */
    private static final String[] JAVA_FORMS_OF_THE_FIRST_VERSION = {
        "rO0ABXNyABxjb20ucmVkaXMuZmxpbmsuUmVkaXNNZXNzYWdlAAAAAAAAAAECAApaAAdleHBv"
                + "c2VkSgAIaWRNaWxsaXNKAAppZFNlcXVlbmNlWgAIa2V5S25vd25aAAZvd25LZXlJAAVwYWly"
                + "c0wABGRhdGF0AA9MamF2YS91dGlsL01hcDtMAANrZXl0ABJMamF2YS9sYW5nL1N0cmluZztM"
                + "AAZzdHJlYW1xAH4AAlsAB3N0cmluZ3N0AAJbQnhwAAAAAAAAAAa2AAAAAAAAAAMAAAAAAANw"
                + "cHQACG9yZGVyczoydXIAAltCrPMX+AYIVOACAAB4cAAAACEDAAAAa2V5AgAAAGsxAQAAAGEB"
                + "AAAAMQEAAABhAQAAADI=",
        "rO0ABXNyABxjb20ucmVkaXMuZmxpbmsuUmVkaXNNZXNzYWdlAAAAAAAAAAECAApaAAdleHBv"
                + "c2VkSgAIaWRNaWxsaXNKAAppZFNlcXVlbmNlWgAIa2V5S25vd25aAAZvd25LZXlJAAVwYWly"
                + "c0wABGRhdGF0AA9MamF2YS91dGlsL01hcDtMAANrZXl0ABJMamF2YS9sYW5nL1N0cmluZztM"
                + "AAZzdHJlYW1xAH4AAlsAB3N0cmluZ3N0AAJbQnhwAQAAAAAAAAa2AAAAAAAAAAMBAAAAAANz"
                + "cgAXamF2YS51dGlsLkxpbmtlZEhhc2hNYXA0wE5cEGzA+wIAAVoAC2FjY2Vzc09yZGVyeHIA"
                + "EWphdmEudXRpbC5IYXNoTWFwBQfawcMWYNEDAAJGAApsb2FkRmFjdG9ySQAJdGhyZXNob2xk"
                + "eHA/QAAAAAAADHcIAAAAEAAAAAF0AAFhdAABMngAdAACazF0AAhvcmRlcnM6MnVyAAJbQqzz"
                + "F/gGCFTgAgAAeHAAAAAhAwAAAGtleQIAAABrMQEAAABhAQAAADEBAAAAYQEAAAAy",
        "rO0ABXNyABxjb20ucmVkaXMuZmxpbmsuUmVkaXNNZXNzYWdlAAAAAAAAAAECAApaAAdleHBv"
                + "c2VkSgAIaWRNaWxsaXNKAAppZFNlcXVlbmNlWgAIa2V5S25vd25aAAZvd25LZXlJAAVwYWly"
                + "c0wABGRhdGF0AA9MamF2YS91dGlsL01hcDtMAANrZXl0ABJMamF2YS9sYW5nL1N0cmluZztM"
                + "AAZzdHJlYW1xAH4AAlsAB3N0cmluZ3N0AAJbQnhwAQAAAAAAAAa2AAAAAAAAAAMBAAAAAANz"
                + "cgAXamF2YS51dGlsLkxpbmtlZEhhc2hNYXA0wE5cEGzA+wIAAVoAC2FjY2Vzc09yZGVyeHIA"
                + "EWphdmEudXRpbC5IYXNoTWFwBQfawcMWYNEDAAJGAApsb2FkRmFjdG9ySQAJdGhyZXNob2xk"
                + "eHA/QAAAAAAADHcIAAAAEAAAAAJ0AAFhdAABMnQAAWJ0AAEzeAB0AAJrMXQACG9yZGVyczoy"
                + "dXIAAltCrPMX+AYIVOACAAB4cAAAACEDAAAAa2V5AgAAAGsxAQAAAGEBAAAAMQEAAABhAQAA"
                + "ADI="
    };

    private final TypeSerializer<RedisMessage> serializer =
            TypeInformation.of(RedisMessage.class).createSerializer(new SerializerConfigImpl());

    static List<RedisMessage> messages() {
        RedisMessage changed = fromStream("key", "k1", "a", "1");
        changed.getData().put("b", "2");
        RedisMessage looked = fromStream("key", "k1", "a", "1");
        looked.getData();
        return List.of(
                new RedisMessage(),
                RedisMessage.of("k1", Map.of("data", "v1", "ä", "\ud83d\ude00")),
                RedisMessage.of(null, Map.of("", "")),
                RedisMessage.of("lone \ud800 half", Map.of("key", "not the key")),
                fromStream("key", "k1", "a", "1"),
                fromStream("a", "1", "a", "2"),
                fromStream("key".getBytes(), "k1".getBytes(), "a".getBytes(), NOT_UTF8),
                fromStream("key", "k1", "a", "1").withKey("k2"),
                fromStream("key", "k1", "a", "1").withKey(null),
                RedisMessage.ofEntry("s", -1, -1, new byte[0], 0),
                looked,
                changed);
    }

    @Test
    void typeExtractionFindsOurSerializer() {
        assertThat(serializer).isInstanceOf(RedisMessageSerializer.class);
        TypeInformation<RedisMessage> type = TypeInformation.of(RedisMessage.class);
        assertThat(type.isKeyType()).isTrue();
        assertThat(type.getTypeClass()).isEqualTo(RedisMessage.class);
        assertThat(type).isEqualTo(new RedisMessageTypeInfo()).hasToString("RedisMessage");
    }

    @ParameterizedTest
    @MethodSource("messages")
    void whatIsWrittenIsRead(RedisMessage message) throws IOException {
        byte[] bytes = serialize(message);
        DataInputDeserializer in = new DataInputDeserializer(bytes);
        RedisMessage read = serializer.deserialize(in);

        assertThat(in.available()).isZero();
        assertSame(read, message);
        assertThat(serialize(read)).isEqualTo(bytes);
        assertSame(
                serializer.deserialize(new RedisMessage(), new DataInputDeserializer(bytes)),
                message);
    }

    @ParameterizedTest
    @MethodSource("messages")
    void aCopyIsEqualAndNotTheSame(RedisMessage message) throws IOException {
        assertThat(serializer.copy(message)).isNotSameAs(message);
        assertSame(serializer.copy(message), message);
        assertSame(serializer.copy(message, new RedisMessage()), message);

        DataOutputSerializer out = new DataOutputSerializer(16);
        serializer.copy(new DataInputDeserializer(serialize(message)), out);
        assertThat(out.getCopyOfBuffer()).isEqualTo(serialize(message));
    }

    @Test
    void messagesFollowOneAnother() throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(16);
        for (RedisMessage message : messages()) {
            serializer.serialize(message, out);
        }
        DataInputDeserializer in = new DataInputDeserializer(out.getCopyOfBuffer());
        for (RedisMessage message : messages()) {
            assertSame(serializer.deserialize(in), message);
        }
        assertThat(in.available()).isZero();
    }

    @Test
    void aNullInTheDataIsRejected() {
        assertThatThrownBy(
                        () -> serialize(RedisMessage.of("k1", Collections.singletonMap("a", null))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the value of field 'a' is null");
    }

    @Test
    void theSnapshotIsVersioned() throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(16);
        TypeSerializerSnapshot.writeVersionedSnapshot(out, serializer.snapshotConfiguration());
        TypeSerializerSnapshot<RedisMessage> restored =
                TypeSerializerSnapshot.readVersionedSnapshot(
                        new DataInputDeserializer(out.getCopyOfBuffer()),
                        getClass().getClassLoader());

        assertThat(restored.restoreSerializer()).isEqualTo(serializer);
        assertThat(
                        serializer
                                .snapshotConfiguration()
                                .resolveSchemaCompatibility(restored)
                                .isCompatibleAsIs())
                .isTrue();
        assertThatThrownBy(
                        () ->
                                restored.readSnapshot(
                                        2, new DataInputDeserializer(new byte[0]), null))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("RedisMessage in version 2");
    }

    @Test
    void messagesAndTheirTypeTravelByJavaSerializationToo() throws Exception {
        for (RedisMessage message : messages()) {
            assertSame(InstantiationUtil.clone(message), message);
        }
        assertThat(InstantiationUtil.clone(serializer)).isEqualTo(serializer);
        assertThat(InstantiationUtil.clone(RedisMessageTypeInfo.INSTANCE))
                .isEqualTo(RedisMessageTypeInfo.INSTANCE);
    }

    @Test
    void javasFormOfTheFirstVersionIsRead() throws Exception {
        List<RedisMessage> expected =
                List.of(
                        RedisMessage.of("k1", Map.of("a", "2")),
                        RedisMessage.of("k1", Map.of("a", "2")),
                        RedisMessage.of("k1", Map.of("a", "2", "b", "3")));
        for (int i = 0; i < expected.size(); i++) {
            byte[] bytes = Base64.getDecoder().decode(JAVA_FORMS_OF_THE_FIRST_VERSION[i]);
            RedisMessage read =
                    InstantiationUtil.deserializeObject(bytes, getClass().getClassLoader());
            assertThat(read).isEqualTo(expected.get(i));
            assertThat(read.getId()).isEqualTo("1718-3");
            assertThat(serializer.copy(read)).isEqualTo(expected.get(i));
            assertThat(serializer.deserialize(new DataInputDeserializer(serialize(read))))
                    .isEqualTo(expected.get(i));
        }
    }

    /** Kryo writes the values of these in this order, in state of types that hold messages. */
    @Test
    void theFieldsAreThoseOfTheFirstVersion() {
        assertThat(RedisMessage.class.getDeclaredFields())
                .filteredOn(
                        field ->
                                !Modifier.isStatic(field.getModifiers())
                                        && !Modifier.isTransient(field.getModifiers()))
                .extracting(field -> field.getType().getSimpleName() + " " + field.getName())
                .containsExactlyInAnyOrder(
                        "Map data",
                        "boolean exposed",
                        "long idMillis",
                        "long idSequence",
                        "String key",
                        "boolean keyKnown",
                        "boolean ownKey",
                        "int pairs",
                        "String stream",
                        "byte[] strings");
    }

    private byte[] serialize(RedisMessage message) throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(16);
        serializer.serialize(message, out);
        return out.getCopyOfBuffer();
    }

    private void assertSame(RedisMessage actual, RedisMessage expected) {
        assertThat(actual).isEqualTo(expected).hasSameHashCodeAs(expected);
        assertThat(actual.getId()).isEqualTo(expected.getId());
        assertThat(actual.getStream()).isEqualTo(expected.getStream());
    }
}
