package com.redis.flink.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;

import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.Serializable;
import java.util.List;
import java.util.function.Consumer;

/** The ways jobs make a JSON sink: they compile, the sink travels, and mistakes are named. */
class RedisJsonSinkTest {

    private static final RedisJsonSinkConfig CONFIG = RedisJsonSinkConfig.builder().build();

    /** A record of a job. */
    public static final class Order {
        public String getId() {
            return "o1";
        }

        public int getItemCount() {
            return 7;
        }
    }

    /** A record that JSON has no end for. */
    public static final class Loop {
        public Loop self = this;
    }

    @Test
    void chainsMakeASinkThatTravels() throws Exception {
        RedisJsonSink<Order> objects =
                new RedisJsonSinkBuilder<>(new RedisJsonObjectSerializer<Order>(), CONFIG)
                        .keyExtractor(Order::getId)
                        .build();
        Sink<Order> lambda =
                new RedisJsonSinkBuilder<Order>(
                                order -> "{\"id\":\"" + order.getId() + "\"}", CONFIG)
                        .keyExtractor(order -> "order:" + order.getId())
                        .build();

        for (Serializable sink : new Serializable[] {objects, lambda}) {
            assertThat(InstantiationUtil.<Serializable>clone(sink))
                    .isInstanceOf(RedisJsonSink.class);
        }
    }

    @Test
    void allPartsAreRequired() {
        RedisJsonSerializer<Order> serializer = new RedisJsonObjectSerializer<>();
        assertThatThrownBy(
                        () ->
                                new RedisJsonSinkBuilder<>(serializer, CONFIG)
                                        .keyExtractor(null)
                                        .build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "Option keyExtractor is required but not set; allowed: a function from a"
                                + " record to its key in Redis, such as"
                                + " .keyExtractor(Order::getId)");
        assertThatThrownBy(
                        () ->
                                new RedisJsonSinkBuilder<Order>(null, CONFIG)
                                        .keyExtractor(Order::getId)
                                        .build())
                .hasMessageStartingWith("Option serializer is required but not set");
        assertThatThrownBy(
                        () ->
                                new RedisJsonSinkBuilder<>(serializer, null)
                                        .keyExtractor(Order::getId)
                                        .build())
                .hasMessageStartingWith("Option config is required but not set");
    }

    @Test
    void defaultsAreTheDocumentedOnes() {
        assertThat(CONFIG.getPath()).isEqualTo("$");
        assertThat(CONFIG.getTtlSeconds()).isZero();
        assertThat(CONFIG.isFlushOnCheckpoint()).isFalse();
        assertThat(CONFIG.getHost()).isEqualTo("localhost");
        assertThat(CONFIG.getPort()).isEqualTo(6379);
        assertThat(CONFIG.getFailedSerializationStreamName()).isEmpty();
        assertThat(CONFIG.getTraceConfiguration()).isNull();
        assertThat(CONFIG.getClientName()).isEqualTo("flink-sink-json");
    }

    @Test
    void optionsAreKeptAndTravel() throws Exception {
        RedisJsonSinkConfig config =
                InstantiationUtil.clone(
                        RedisJsonSinkConfig.builder()
                                .path("$.last")
                                .host("redis")
                                .password("geheim")
                                .ttlSeconds(60)
                                .flushOnCheckpoint(true)
                                .build());

        assertThat(config.getPath()).isEqualTo("$.last");
        assertThat(config.getTtlSeconds()).isEqualTo(60);
        assertThat(config.isFlushOnCheckpoint()).isTrue();
        assertThat(config)
                .hasToString(
                        "RedisJsonSinkConfig{path=$.last, ttlSeconds=60,"
                                + " connection=redis://default@redis:6379 (flink-sink-json)}");
    }

    @ParameterizedTest
    @ValueSource(strings = {"$", "$.a[0]", "$['a b']", ".", ".a"})
    void pathsOfBothSyntaxes(String path) {
        assertThat(RedisJsonSinkConfig.builder().path(path).build().getPath()).isEqualTo(path);
    }

    static List<Arguments> wrongValues() {
        return List.of(
                wrong(
                        b -> b.path("a.b"),
                        "Option path is \"a.b\"; allowed: a JSONPath, which begins with $ (the"
                                + " whole document), or a path of RedisJSON's older syntax, which"
                                + " begins with a dot"),
                wrong(
                        b -> b.path(null),
                        "Option path is required but not set; allowed: a text that is not blank"),
                wrong(b -> b.path(" "), "Option path is \" \"; allowed: a text that is not blank"),
                wrong(
                        b -> b.ttlSeconds(-1),
                        "Option ttlSeconds is -1; allowed: 0 (never) to 3153600000 (100 years)"),
                wrong(
                        b -> b.ttlSeconds(Long.MAX_VALUE),
                        "Option ttlSeconds is 9223372036854775807; allowed: 0 (never) to"
                                + " 3153600000 (100 years)"),
                wrong(b -> b.port(0), "Option port is 0; allowed: 1 to 65535"));
    }

    private static Arguments wrong(Consumer<RedisJsonSinkConfig.Builder> change, String message) {
        return arguments(message, change);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrongValues")
    void aWrongValueIsNamed(String message, Consumer<RedisJsonSinkConfig.Builder> change) {
        RedisJsonSinkConfig.Builder builder = RedisJsonSinkConfig.builder();
        change.accept(builder);

        assertThatThrownBy(builder::build)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void objectsBecomeJson() throws Exception {
        RedisJsonSerializer<Order> plain = new RedisJsonObjectSerializer<>();
        RedisJsonSerializer<Order> ownMapper =
                new RedisJsonObjectSerializer<>(
                        () ->
                                new ObjectMapper()
                                        .setPropertyNamingStrategy(
                                                PropertyNamingStrategies.SNAKE_CASE));
        ownMapper.serialize(new Order());

        assertThat(plain.serialize(new Order())).isEqualTo("{\"id\":\"o1\",\"itemCount\":7}");
        assertThat(InstantiationUtil.clone(ownMapper).serialize(new Order()))
                .isEqualTo("{\"id\":\"o1\",\"item_count\":7}");
    }

    @Test
    void anObjectThatJacksonCannotWriteIsNamed() {
        assertThatThrownBy(() -> new RedisJsonObjectSerializer<Loop>().serialize(new Loop()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(Loop.class.getName())
                .hasMessageContaining("as JSON: ");
    }
}
