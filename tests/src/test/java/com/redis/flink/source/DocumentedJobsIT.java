package com.redis.flink.source;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.redis.flink.RedisMessage;
import com.redis.flink.config.ObjectMapperSupplier;
import com.redis.flink.it.Collected;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.Topic;
import com.redis.flink.sink.RedisObjectSerializer;
import com.redis.flink.sink.RedisPassthroughSerializer;
import com.redis.flink.sink.RedisSink;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.basic.RedisStreamSource;
import com.redis.flink.source.basic.RedisStreamSourceBuilder;
import com.redis.flink.source.partitioned.RedisSource;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisMessageDeserializer;
import com.redis.flink.source.partitioned.reader.deserializer.RedisObjectDeserializer;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import redis.clients.jedis.StreamEntryID;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Jobs as strangers write them for the documented API: they compile, and they work. */
class DocumentedJobsIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    private static void awaitGroup(Topic topic, int partitions) {
        Await.until(
                "the groups exist",
                LIMIT,
                () -> {
                    for (int partition = 0; partition < partitions; partition++) {
                        if (topic.jedis().xinfoGroups(topic.stream(partition)).isEmpty()) {
                            return false;
                        }
                    }
                    return true;
                });
    }

    /** An object that nobody knows, of which only toString() says where to begin. */
    private static final class Latest {
        @Override
        public String toString() {
            return "$";
        }
    }

    @Test
    @SuppressWarnings("deprecation")
    void copiesMessages() throws Exception {
        try (Topic input = new Topic(REDIS, 4);
                Topic output = new Topic(REDIS, 4)) {
            input.add(0, Map.of("key", "old", "data", "before the job"));
            RedisSourceConfig sourceConfig =
                    RedisSourceConfig.builder()
                            .host(REDIS.host())
                            .port(REDIS.port())
                            .user("default")
                            .password("")
                            .consumerGroup(input.group())
                            .topicName(input.name())
                            .numPartitions(4)
                            .startingId(new Latest())
                            .requireAck(true)
                            .build();
            RedisSource<RedisMessage> source =
                    new RedisSourceBuilder<>(sourceConfig, new RedisMessageDeserializer()).build();
            RedisSinkConfig sinkConfig =
                    RedisSinkConfig.builder()
                            .host(REDIS.host())
                            .port(REDIS.port())
                            .topicName(output.name())
                            .numPartitions(4)
                            .numMessagesToBuffer(10)
                            .flushIntervalMillis(100)
                            .build();
            RedisSink<RedisMessage> sink =
                    new RedisSinkBuilder<>(new RedisPassthroughSerializer(), sinkConfig).build();

            StreamExecutionEnvironment env = FLINK.environment(4);
            env.enableCheckpointing(200);
            TypeInformation<RedisMessage> type = TypeInformation.of(RedisMessage.class);
            env.fromSource(source, WatermarkStrategy.noWatermarks(), "Redis Source", type)
                    .filter(message -> message.getData().containsKey("data"))
                    .sinkTo(sink);
            try (Job job = FLINK.run(env)) {
                awaitGroup(input, 4);
                for (int i = 0; i < 100; i++) {
                    input.add(i % 4, Map.of("key", "key-" + i, "data", "value " + i));
                }
                Await.value("all is copied", LIMIT, output::length, n -> n >= 100);
                assertThat(output.values("data"))
                        .hasSize(100)
                        .doesNotHaveDuplicates()
                        .doesNotContain("before the job");
                Await.value("all is acknowledged", LIMIT, input::pending, n -> n == 0);
            }
        }
    }

    @Test
    @SuppressWarnings({"rawtypes", "unchecked"})
    void objectsGoRound() throws Exception {
        try (Topic topic = new Topic(REDIS, 3);
                Collected<Order> read = new Collected<>()) {
            RedisSourceConfig sourceConfig =
                    topic.source().startingId(StreamEntryID.XGROUP_LAST_ENTRY).build();
            RedisSource<Order> source =
                    new RedisSourceBuilder<>(sourceConfig, new RedisObjectDeserializer(Order.class))
                            .build();
            StreamExecutionEnvironment reading = FLINK.environment(2);
            read.from(
                    reading.fromSource(
                            source,
                            WatermarkStrategy.noWatermarks(),
                            "orders",
                            TypeInformation.of(Order.class)));

            List<Order> orders = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                orders.add(new Order("customer " + i % 7, i));
            }
            RedisSink<Order> sink =
                    new RedisSinkBuilder<>(new RedisObjectSerializer<Order>(), topic.sink().build())
                            .keyExtractor(Order::getCustomer)
                            .build();
            StreamExecutionEnvironment writing = FLINK.environment(1);
            writing.fromData(orders).sinkTo(sink);

            try (Job reader = FLINK.run(reading)) {
                awaitGroup(topic, 3);
                try (Job writer = FLINK.run(writing)) {
                    writer.awaitFinished();
                }
                assertThat(read.await(60)).containsExactlyInAnyOrderElementsOf(orders);
            }
            for (int partition = 0; partition < 3; partition++) {
                int expected = partition;
                assertThat(topic.values(partition, "key"))
                        .isNotEmpty()
                        .allMatch(key -> Math.abs((long) key.hashCode()) % 3 == expected);
            }
        }
    }

    @Test
    void mappersAreTheJobs() throws Exception {
        try (Topic topic = new Topic(REDIS, 1);
                Collected<Order> read = new Collected<>()) {
            topic.add(0, Map.of("key", "early", "data", "{\"customer\":\"early\",\"cents\":1}"));
            StreamEntryID before =
                    topic.add(
                            0,
                            Map.of(
                                    "key",
                                    "x",
                                    "data",
                                    "{\"customer\":\"also early\",\"cents\":2}"));
            topic.add(
                    0,
                    Map.of("key", "x", "data", "{\"customer\":\"x\",\"cents\":3,\"more\":true}"));
            ObjectMapperSupplier lenient =
                    () ->
                            new ObjectMapper()
                                    .configure(
                                            com.fasterxml.jackson.databind.DeserializationFeature
                                                    .FAIL_ON_UNKNOWN_PROPERTIES,
                                            false);
            RedisSourceConfig config =
                    topic.source()
                            .startingId(new StreamEntryID(before.getTime(), before.getSequence()))
                            .build();
            StreamExecutionEnvironment env = FLINK.environment(1);
            read.from(
                    env.fromSource(
                            new RedisSourceBuilder<>(
                                            config,
                                            new RedisObjectDeserializer<>(Order.class, lenient))
                                    .build(),
                            WatermarkStrategy.noWatermarks(),
                            "orders"));
            try (Job job = FLINK.run(env)) {
                assertThat(read.await(1)).containsExactly(new Order("x", 3));
            }
        }
    }

    @Test
    void theBasicSourceGivesMaps() throws Exception {
        try (Topic topic = new Topic(REDIS, 1);
                Collected<Map<String, String>> read = new Collected<>()) {
            RedisStreamSource<Map<String, String>> source =
                    new RedisStreamSourceBuilder<Map<String, String>>(
                                    REDIS.host(), REDIS.port(), topic.name(), topic.group())
                            .build();
            StreamExecutionEnvironment env = FLINK.environment(1);
            read.from(env.fromSource(source, WatermarkStrategy.noWatermarks(), "maps"));
            try (Job job = FLINK.run(env)) {
                awaitGroup(topic, 1);
                Map<String, String> first = Map.of("key", "k", "data", "d", "more", "");
                Map<String, String> second = Map.of("data", "no key");
                topic.add(0, first);
                topic.add(0, second);
                assertThat(read.await(2)).containsExactly(first, second);
                job.checkpoint();
                Await.value("all is acknowledged", LIMIT, topic::pending, n -> n == 0);
            }
        }
    }
}
