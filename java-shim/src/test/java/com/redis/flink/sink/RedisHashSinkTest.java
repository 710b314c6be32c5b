package com.redis.flink.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamWriteConstraints;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;

import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;

import java.io.Serializable;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The ways jobs make a hash sink: they compile, the sink travels, and mistakes are named. */
class RedisHashSinkTest {

    private static final RedisHashSinkConfig CONFIG = RedisHashSinkConfig.builder().build();

    /** A record of a job, with a property of each kind. */
    public static final class Order {
        public String getId() {
            return "o1";
        }

        public String getNote() {
            return "a \"quoted\"\n€ 😀 \\ text";
        }

        public String getEmpty() {
            return "";
        }

        public String getNothing() {
            return null;
        }

        public long getCount() {
            return Long.MIN_VALUE;
        }

        public double getWeight() {
            return 0.1;
        }

        public BigDecimal getPrice() {
            return new BigDecimal("12345678901234567890.1200");
        }

        public boolean isPaid() {
            return true;
        }

        public Map<String, Object> getAddress() {
            Map<String, Object> address = new LinkedHashMap<>();
            address.put("street", "Ä-Weg \"1\" }");
            address.put("factor", new BigDecimal("0.100000000000000000001"));
            address.put("none", null);
            address.put("lines", List.of(List.of(), Map.of("a", "]")));
            return address;
        }

        public List<Integer> getNumbers() {
            return Arrays.asList(1, null, 3);
        }

        public byte[] getBytes() {
            return new byte[] {0, (byte) 0xff};
        }
    }

    /** A record whose properties are all null. */
    public static final class Empty {
        public String getNothing() {
            return null;
        }
    }

    @Test
    void chainsMakeASinkThatTravels() throws Exception {
        RedisHashSink<Order> objects =
                new RedisHashSinkBuilder<>(new RedisHashObjectSerializer<Order>(), CONFIG)
                        .keyExtractor(Order::getId)
                        .build();
        Sink<Order> lambda =
                new RedisHashSinkBuilder<Order>(order -> Map.of("id", order.getId()), CONFIG)
                        .keyExtractor(order -> "order:" + order.getId())
                        .build();

        for (Serializable sink : new Serializable[] {objects, lambda}) {
            assertThat(InstantiationUtil.<Serializable>clone(sink))
                    .isInstanceOf(RedisHashSink.class);
        }
    }

    @Test
    void allPartsAreRequired() {
        RedisHashSerializer<Order> serializer = new RedisHashObjectSerializer<>();
        assertThatThrownBy(() -> new RedisHashSinkBuilder<>(serializer, CONFIG).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "Option keyExtractor is required but not set; allowed: a function from a"
                                + " record to its key in Redis, such as"
                                + " .keyExtractor(Order::getId)");
        assertThatThrownBy(
                        () ->
                                new RedisHashSinkBuilder<Order>(null, CONFIG)
                                        .keyExtractor(Order::getId)
                                        .build())
                .hasMessageStartingWith("Option serializer is required but not set");
        assertThatThrownBy(
                        () ->
                                new RedisHashSinkBuilder<>(serializer, null)
                                        .keyExtractor(Order::getId)
                                        .build())
                .hasMessageStartingWith("Option config is required but not set");
    }

    @Test
    void optionsAreKeptAndTravel() throws Exception {
        assertThat(CONFIG.getTtlSeconds()).isZero();
        assertThat(CONFIG.getClientName()).isEqualTo("flink-sink-hash");
        RedisHashSinkConfig config =
                InstantiationUtil.clone(
                        RedisHashSinkConfig.builder()
                                .host("redis")
                                .password("geheim")
                                .ttlSeconds(60)
                                .build());

        assertThat(config.getTtlSeconds()).isEqualTo(60);
        assertThat(config)
                .hasToString(
                        "RedisHashSinkConfig{ttlSeconds=60,"
                                + " connection=redis://default@redis:6379 (flink-sink-hash)}");
        assertThatThrownBy(() -> RedisHashSinkConfig.builder().ttlSeconds(-1).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("Option ttlSeconds is -1; allowed: 0 (never) to");
    }

    @Test
    void propertiesBecomeFields() {
        assertThat(new RedisHashObjectSerializer<Order>().serialize(new Order()))
                .containsOnly(
                        entry("id", "o1"),
                        entry("note", "a \"quoted\"\n€ 😀 \\ text"),
                        entry("empty", ""),
                        entry("count", "-9223372036854775808"),
                        entry("weight", "0.1"),
                        entry("price", "12345678901234567890.1200"),
                        entry("paid", "true"),
                        entry(
                                "address",
                                "{\"street\":\"Ä-Weg \\\"1\\\""
                                        + " }\",\"factor\":0.100000000000000000001,"
                                        + "\"none\":null,\"lines\":[[],{\"a\":\"]\"}]}"),
                        entry("numbers", "[1,null,3]"),
                        entry("bytes", "AP8="));
    }

    @Test
    void longNestedValuesKeepEveryCharacter() {
        Map<String, Object> record = new LinkedHashMap<>();
        record.put("before", "ä".repeat(20_000));
        record.put("nested", List.of("😀x".repeat(20_000), "y"));
        record.put("after", "z");

        Map<String, String> fields = new RedisHashObjectSerializer<>().serialize(record);

        assertThat(fields.get("before")).isEqualTo("ä".repeat(20_000));
        assertThat(fields.get("nested")).isEqualTo("[\"" + "😀x".repeat(20_000) + "\",\"y\"]");
        assertThat(fields.get("after")).isEqualTo("z");
    }

    /** Jackson's own reader takes strings of 20 million characters at most, and 1000 levels. */
    @Test
    void hugeAndDeepValuesAreWritten() {
        String huge = "x".repeat(25_000_000);
        Object deep = 1;
        for (int level = 0; level < 1500; level++) {
            deep = List.of(deep);
        }
        RedisHashSerializer<Map<String, Object>> serializer =
                new RedisHashObjectSerializer<>(
                        () ->
                                new ObjectMapper(
                                        JsonFactory.builder()
                                                .streamWriteConstraints(
                                                        StreamWriteConstraints.builder()
                                                                .maxNestingDepth(2000)
                                                                .build())
                                                .build()));

        assertThat(serializer.serialize(Map.of("a", huge)).get("a")).isEqualTo(huge);
        assertThat(serializer.serialize(Map.of("a", deep)).get("a"))
                .isEqualTo("[".repeat(1500) + "1" + "]".repeat(1500));
    }

    @Test
    void numbersArriveAsTheyWereWritten() {
        Map<String, Object> numbers = new LinkedHashMap<>();
        numbers.put("long", Long.MAX_VALUE);
        numbers.put("unsigned", new BigInteger("18446744073709551615"));
        numbers.put("digits", new BigInteger("9".repeat(2000)));
        numbers.put("zeros", new BigDecimal("1.10000"));
        numbers.put("exponent", new BigDecimal("1E+999"));
        numbers.put("float", 1.1f);
        numbers.put("double", 1.0E10);
        numbers.put("minus", -0.0);
        numbers.put("nan", Double.NaN);

        assertThat(new RedisHashObjectSerializer<>().serialize(numbers))
                .containsExactly(
                        entry("long", "9223372036854775807"),
                        entry("unsigned", "18446744073709551615"),
                        entry("digits", "9".repeat(2000)),
                        entry("zeros", "1.10000"),
                        entry("exponent", "1E+999"),
                        entry("float", "1.1"),
                        entry("double", "1.0E10"),
                        entry("minus", "-0.0"),
                        entry("nan", "NaN"));
    }

    @Test
    void whatIsWrittenRawIsCheckedOnlyAsFarAsNeeded() {
        assertThat(new RedisHashObjectSerializer<Raw>().serialize(new Raw("{\"b\" : [1 ]}")))
                .containsExactly(entry("raw", "{\"b\" : [1 ]}"));
        assertThatThrownBy(() -> new RedisHashObjectSerializer<Raw>().serialize(new Raw("[1")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "what Jackson made of a "
                                + Raw.class.getName()
                                + " is no JSON; correct the mapper, or what is written raw");
    }

    /** A bean with JSON of its own. */
    public static final class Raw {
        private final String raw;

        Raw(String raw) {
            this.raw = raw;
        }

        @JsonRawValue
        public String getRaw() {
            return raw;
        }
    }

    @Test
    void anOwnMapperIsUsedAndTravels() throws Exception {
        RedisHashSerializer<Map<String, Object>> serializer =
                new RedisHashObjectSerializer<>(
                        () -> new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT));
        Map<String, Object> record = Map.of("a", Map.of("b", 1));
        serializer.serialize(record);

        assertThat(InstantiationUtil.clone(serializer).serialize(record).get("a"))
                .containsPattern("\\{\\R\\s+\"b\" : 1\\R\\s+}");
    }

    @Test
    void whatHasNoPropertiesIsNamed() {
        assertThatThrownBy(() -> new RedisHashObjectSerializer<String>().serialize("text"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(
                        "Jackson writes a java.lang.String as a JSON value without");
        assertThatThrownBy(() -> new RedisHashObjectSerializer<String>().serialize(null))
                .hasMessageStartingWith("the record is null;");
        assertThat(new RedisHashObjectSerializer<Empty>().serialize(new Empty())).isEmpty();
    }
}
