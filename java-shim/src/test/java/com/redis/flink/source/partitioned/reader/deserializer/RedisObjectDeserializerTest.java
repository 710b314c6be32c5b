package com.redis.flink.source.partitioned.reader.deserializer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.redis.flink.RedisMessage;
import com.redis.flink.config.ObjectMapperSupplier;
import com.redis.flink.source.partitioned.RedisSource;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;

import org.apache.flink.api.common.functions.util.ListCollector;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

class RedisObjectDeserializerTest {

    @Test
    void readsTheFieldData() throws Exception {
        assertThat(read(new RedisObjectDeserializer<>(Order.class), "{\"id\":\"a\",\"amount\":3}"))
                .isEqualTo("a 3");
    }

    @Test
    void worksWithTheSuppliedMapper() throws Exception {
        String withMore = "{\"id\":\"a\",\"amount\":3,\"more\":1}";

        assertThatThrownBy(() -> read(new RedisObjectDeserializer<>(Order.class), withMore))
                .isInstanceOf(JsonProcessingException.class);
        ObjectMapperSupplier lenient =
                () -> new ObjectMapper().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);
        assertThat(read(new RedisObjectDeserializer<>(Order.class, lenient), withMore))
                .isEqualTo("a 3");
    }

    @Test
    void saysThatThereIsNoData() {
        RedisMessage message = RedisMessage.of("k", Map.of("other", "1"));

        assertThatThrownBy(
                        () ->
                                new RedisObjectDeserializer<>(Order.class)
                                        .deserialize(
                                                message, new ListCollector<>(new ArrayList<>())))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(
                        "the message has no field 'data' to read a " + Order.class.getName())
                .hasMessageContaining("its fields are [other]");
    }

    @Test
    void aListOfFieldsIsCutAndEscaped() {
        Map<String, String> fields = new LinkedHashMap<>();
        fields.put("\u0000evil\n", "1");
        for (int i = 0; i < 2000; i++) {
            fields.put(i + "n".repeat(1000), "1");
        }
        assertThatThrownBy(
                        () ->
                                deserialize(
                                        new RedisObjectDeserializer<>(Order.class),
                                        RedisMessage.of("k", fields)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("its fields are [\\u0000evil\\n, 0nnn")
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(5000));
    }

    @Test
    void jsonNullIsRejected() {
        assertThatThrownBy(() -> read(new RedisObjectDeserializer<>(Order.class), " null "))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("the field 'data' is JSON null")
                .hasMessageContaining(Order.class.getName());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "  ", "nonsense", "[", "{\"id\":\"a\"} x"})
    void whatIsNoJsonIsRejected(String json) {
        ObjectMapperSupplier strict =
                () -> new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
        assertThatThrownBy(() -> read(new RedisObjectDeserializer<>(Order.class, strict), json))
                .isInstanceOf(JsonProcessingException.class);
    }

    /** A null of JSON that is an object of the class, as with JsonNode, is one. */
    @Test
    void whatTheMapperMakesOfNullIsAnObject() throws Exception {
        assertThat(
                        deserialize(
                                new RedisObjectDeserializer<>(JsonNode.class),
                                RedisMessage.of("k", Map.of("data", "null"))))
                .singleElement()
                .matches(JsonNode::isNull);
    }

    @Test
    void readsTheBytesOfAnEntry() throws Exception {
        RedisObjectDeserializer<Order> orders = new RedisObjectDeserializer<>(Order.class);
        String first = "{\"id\":\"first\",\"amount\":1}";
        String last = "{\"id\":\"zuletzt ü \ud83d\ude80\",\"amount\":2}";

        assertThat(deserialize(orders, entry("data", first, "key", "k", "data", last, "x", "data")))
                .singleElement()
                .hasToString("zuletzt ü \ud83d\ude80 2");
        RedisMessage changed = entry("key", "k", "data", first);
        changed.getData().put("data", last);
        assertThat(deserialize(orders, changed))
                .singleElement()
                .hasToString("zuletzt ü \ud83d\ude80 2");
        assertThatThrownBy(() -> deserialize(orders, entry("key", "data", "value", first)))
                .hasMessageContaining("its fields are [value]");
        // The first field named key is the key and no data.
        assertThat(entry("key", "k", "key", "more").valueOf("key").remaining()).isEqualTo(4);
        assertThat(entry("key", "k").valueOf("key")).isNull();
    }

    /** As a text these would have become a replacement character, in silence. */
    @Test
    void bytesThatAreNoUtf8AreRejected() {
        RedisMessage latin1 =
                RedisMessage.ofEntry(
                        "t:0",
                        1,
                        0,
                        strings("data", "{\"id\":\"M\u00fcller\"}", StandardCharsets.ISO_8859_1),
                        1);
        assertThatThrownBy(() -> deserialize(new RedisObjectDeserializer<>(Order.class), latin1))
                .isInstanceOf(JsonProcessingException.class)
                .hasMessageContaining("UTF-8");
    }

    @Test
    void aLimitOfJacksonIsNamedWithTheWayOut() {
        ObjectMapperSupplier narrow =
                () -> {
                    ObjectMapper mapper = new ObjectMapper();
                    mapper.getFactory()
                            .setStreamReadConstraints(
                                    StreamReadConstraints.builder().maxStringLength(9).build());
                    return mapper;
                };
        assertThatThrownBy(
                        () ->
                                read(
                                        new RedisObjectDeserializer<>(Order.class, narrow),
                                        "{\"id\":\"more than nine\"}"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("exceeds the maximum allowed")
                .hasMessageContaining("raise the limit (StreamReadConstraints")
                .hasMessageContaining("ObjectMapperSupplier");
    }

    @Test
    void aSupplierThatGivesNullIsNamed() {
        assertThatThrownBy(() -> new RedisObjectDeserializer<>(Order.class, () -> null).open(null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("Option mapperSupplier.get() is required but not set");
    }

    @Test
    void theClassIsRequired() {
        assertThatThrownBy(() -> new RedisObjectDeserializer<>(null))
                .hasMessageStartingWith("Option type is required but not set");
    }

    @Test
    @SuppressWarnings({"rawtypes", "unchecked"})
    void compilesInItsRawUseToo() throws Exception {
        RedisSourceConfig config =
                RedisSourceConfig.builder()
                        .topicName("t")
                        .consumerGroup("g")
                        .numPartitions(1)
                        .build();
        RedisSource<Order> source =
                new RedisSourceBuilder<>(config, new RedisObjectDeserializer(Order.class)).build();

        assertThat(InstantiationUtil.clone(source).getProducedType())
                .isEqualTo(TypeInformation.of(Order.class));
    }

    private static String read(RedisObjectDeserializer<Order> deserializer, String json)
            throws Exception {
        List<Order> orders =
                deserialize(
                        InstantiationUtil.clone(deserializer),
                        RedisMessage.of("k", Map.of("data", json)));
        assertThat(orders).hasSize(1);
        return orders.get(0).toString();
    }

    private static <T> List<T> deserialize(
            RedisObjectDeserializer<T> deserializer, RedisMessage message) throws IOException {
        List<T> objects = new ArrayList<>();
        deserializer.deserialize(message, new ListCollector<>(objects));
        return objects;
    }

    private static RedisMessage entry(String... strings) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int i = 0; i < strings.length; i += 2) {
            all.writeBytes(strings(strings[i], strings[i + 1], StandardCharsets.UTF_8));
        }
        return RedisMessage.ofEntry("t:0", 1, 0, all.toByteArray(), strings.length / 2);
    }

    private static byte[] strings(String name, String value, Charset charset) {
        ByteBuffer bytes = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
        for (byte[] text : new byte[][] {name.getBytes(charset), value.getBytes(charset)}) {
            bytes.putInt(text.length).put(text);
        }
        return Arrays.copyOf(bytes.array(), bytes.position());
    }

    /** What a job might read. */
    public static final class Order {
        public String id;
        public int amount;

        @Override
        public String toString() {
            return id + " " + amount;
        }
    }
}
