package com.redis.flink.source;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.it.Collected;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.AckStrategy;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisObjectDeserializer;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.resps.StreamEntry;

import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Entries that the deserializer rejects. */
class DeadLettersIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    private static Job read(RedisSourceConfig config, Collected<Long> numbers) throws Exception {
        StreamExecutionEnvironment env = FLINK.environment(1);
        numbers.from(NumberDeserializer.read(env, config));
        return FLINK.run(env);
    }

    @ParameterizedTest
    @EnumSource
    void areKeptWholeAndTheOthersGoOn(AckStrategy strategy) throws Exception {
        try (Topic topic = new Topic(REDIS, 2);
                Collected<Long> numbers = new Collected<>()) {
            String deadLetters = topic.name() + "-dead";
            topic.addNumbers(0, 50);
            StreamEntryID bad =
                    topic.add(1, Map.of("key", "k", Topic.NUMBER, "many", "more", "than this"));
            topic.addNumbers(50, 100);
            RedisSourceConfig config =
                    topic.source()
                            .ackStrategy(strategy)
                            .failedDeserializationStreamName(deadLetters)
                            .build();
            try (Job job = read(config, numbers)) {
                assertThat(numbers.await(100)).hasSize(100).doesNotHaveDuplicates();
                job.checkpoint();
                List<StreamEntry> dead =
                        topic.jedis().xrange(deadLetters, (StreamEntryID) null, null);
                assertThat(dead)
                        .singleElement()
                        .extracting(StreamEntry::getFields)
                        .isEqualTo(
                                Map.of(
                                        "key",
                                        "k",
                                        Topic.NUMBER,
                                        "many",
                                        "more",
                                        "than this",
                                        "error",
                                        "java.lang.NumberFormatException: For input string:"
                                                + " \"many\"",
                                        "stream",
                                        topic.stream(1),
                                        "id",
                                        bad.toString()));
                Await.value("all is acknowledged", LIMIT, topic::pending, n -> n == 0);
            }
        }
    }

    /** What other producers write into the topic, and what is poison in other connectors. */
    @ParameterizedTest
    @EnumSource
    void takeWhatIsNoObject(AckStrategy strategy) throws Exception {
        try (Topic topic = new Topic(REDIS, 1);
                Collected<Order> orders = new Collected<>()) {
            String deadLetters = topic.name() + "-dead";
            topic.add(0, Map.of("data", "null"));
            topic.add(0, Map.of("data", ""));
            topic.add(0, Map.of("data", "  "));
            topic.add(
                    0,
                    Map.of(
                            "data",
                            "{\"specversion\":\"1.0\",\"id\":\"1\",\"data\":{\"customer\":\"a\"}}"));
            topic.add(0, Map.of("body", "{\"customer\":\"a\",\"cents\":1}"));
            topic.add(0, Map.of("data", "{\"customer\":\"a\",\"cents\":1}"));
            RedisSourceConfig config =
                    topic.source()
                            .ackStrategy(strategy)
                            .failedDeserializationStreamName(deadLetters)
                            .build();
            StreamExecutionEnvironment env = FLINK.environment(1);
            orders.from(
                    env.fromSource(
                                    new RedisSourceBuilder<>(
                                                    config,
                                                    new RedisObjectDeserializer<>(Order.class))
                                            .build(),
                                    WatermarkStrategy.noWatermarks(),
                                    "orders")
                            .keyBy(Order::getCustomer)
                            .map(order -> order)
                            .returns(Order.class));
            try (Job job = FLINK.run(env)) {
                assertThat(orders.await(1)).containsExactly(new Order("a", 1));
                job.checkpoint();
                assertThat(topic.jedis().xrange(deadLetters, (StreamEntryID) null, null))
                        .extracting(letter -> letter.getFields().get("error"))
                        .satisfiesExactly(
                                error -> assertThat(error).contains("'data' is JSON null"),
                                error -> assertThat(error).contains("No content to map"),
                                error -> assertThat(error).contains("No content to map"),
                                error -> assertThat(error).contains("\"specversion\""),
                                error -> assertThat(error).contains("its fields are [body]"));
                Await.value("all is acknowledged", LIMIT, topic::pending, n -> n == 0);
            }
        }
    }

    @Test
    void failTheJobWhereNothingTakesThem() throws Exception {
        try (Topic topic = new Topic(REDIS, 1);
                Collected<Long> numbers = new Collected<>()) {
            StreamEntryID bad = topic.add(0, Map.of(Topic.NUMBER, "many"));
            try (Job job = read(topic.source().build(), numbers)) {
                assertThat(job.awaitFailure())
                        .hasStackTraceContaining("source " + topic.stream(0) + ": entry " + bad)
                        .hasStackTraceContaining("Set option failedDeserializationStreamName")
                        .rootCause()
                        .isInstanceOf(NumberFormatException.class);
            }
            // The entry is still there for whoever corrects the job.
            assertThat(topic.pending()).isEqualTo(1);
        }
    }
}
