package com.redis.flink.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.redis.flink.RedisMessage;

import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SupportsCommitter;
import org.apache.flink.api.connector.sink2.SupportsWriterState;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;

import java.io.Serializable;
import java.util.Map;

/**
 * The ways jobs make a sink, as the documented API shows them: they compile, and the sink travels
 * to the tasks.
 */
class RedisSinkBuilderTest {

    private static final RedisSinkConfig CONFIG =
            RedisSinkConfig.builder()
                    .host("localhost")
                    .port(6379)
                    .password("")
                    .user("default")
                    .topicName("output")
                    .numPartitions(4)
                    .build();

    /** A record of a job. */
    public static final class Order {
        public String id = "o1";
        public int amount = 7;

        public String getId() {
            return id;
        }
    }

    @Test
    void documentedChainsMakeASinkThatTravels() throws Exception {
        RedisSink<RedisMessage> passthrough =
                new RedisSinkBuilder<>(new RedisPassthroughSerializer(), CONFIG)
                        .keyExtractor(RedisMessage::getKey)
                        .build();
        Sink<Order> objects =
                new RedisSinkBuilder<>(new RedisObjectSerializer<Order>(), CONFIG)
                        .keyExtractor(Order::getId)
                        .build();
        RedisSink<Order> lambda =
                new RedisSinkBuilder<Order>(o -> RedisMessage.of(o.id, Map.of("a", "b")), CONFIG)
                        .build();
        RedisSerializer<Order> ownMapper =
                new RedisObjectSerializer<>(
                        () -> new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT));

        for (Serializable sink : new Serializable[] {passthrough, objects, lambda}) {
            assertThat(InstantiationUtil.<Serializable>clone(sink)).isInstanceOf(RedisSink.class);
        }
        assertThat(InstantiationUtil.clone(ownMapper).Serialize(new Order()).getData().get("data"))
                .contains("\n");
    }

    @Test
    void onlyAnExactlyOnceSinkCommits() throws Exception {
        RedisSinkConfig config =
                RedisSinkConfig.builder()
                        .topicName("output")
                        .numPartitions(4)
                        .flushOnCheckpoint(true)
                        .build();
        RedisSink<RedisMessage> exactlyOnce =
                new RedisSinkBuilder<>(new RedisPassthroughSerializer(), config).build();
        RedisSink<RedisMessage> atLeastOnce =
                new RedisSinkBuilder<>(new RedisPassthroughSerializer(), CONFIG).build();

        assertThat(InstantiationUtil.<Sink<RedisMessage>>clone(exactlyOnce))
                .isInstanceOf(SupportsCommitter.class)
                .isInstanceOf(SupportsWriterState.class);
        assertThat(atLeastOnce)
                .isNotInstanceOf(SupportsCommitter.class)
                .isNotInstanceOf(SupportsWriterState.class);
    }

    @Test
    void serializerAndConfigAreRequired() {
        assertThatThrownBy(() -> new RedisSinkBuilder<Order>(null, CONFIG).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("Option serializer is required but not set");
        assertThatThrownBy(
                        () ->
                                new RedisSinkBuilder<>(new RedisPassthroughSerializer(), null)
                                        .build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("Option config is required but not set");
    }

    @Test
    void objectsBecomeJsonUnderItsHashOrTheGivenKey() {
        RedisObjectSerializer<Order> serializer = new RedisObjectSerializer<>();
        String json = "{\"id\":\"o1\",\"amount\":7}";

        assertThat(serializer.Serialize(new Order()))
                .isEqualTo(
                        RedisMessage.of(Integer.toString(json.hashCode()), Map.of("data", json)));
        assertThat(serializer.Serialize(new Order(), "k"))
                .isEqualTo(RedisMessage.of("k", Map.of("data", json)));
    }

    /** A record that JSON has no end for. */
    public static final class Loop {
        public Loop self = this;
    }

    @Test
    void anObjectThatJacksonCannotWriteIsNamed() {
        assertThatThrownBy(() -> new RedisObjectSerializer<Loop>().Serialize(new Loop(), "k"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(Loop.class.getName())
                .hasMessageContaining("as JSON: ");
        assertThatThrownBy(
                        () -> new RedisObjectSerializer<Order>(() -> null).Serialize(new Order()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("mapperSupplier.get()");
    }

    @Test
    void aKeyIsSetByDefaultWithoutChangingTheRecord() {
        RedisMessage message = RedisMessage.of("k1", Map.of("a", "1"));

        assertThat(new RedisPassthroughSerializer().Serialize(message, "k2"))
                .isEqualTo(RedisMessage.of("k2", Map.of("a", "1")));
        assertThat(message.getKey()).isEqualTo("k1");
        assertThat(((RedisSerializer<String>) s -> null).Serialize("s", "k")).isNull();
    }
}
