package com.redis.flink.deployments;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.RedisMessage;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Fuse;
import com.redis.flink.it.Job;
import com.redis.flink.it.Ledger;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Topic;
import com.redis.flink.sink.RedisHashSinkBuilder;
import com.redis.flink.sink.RedisHashSinkConfig;
import com.redis.flink.sink.RedisJsonObjectSerializer;
import com.redis.flink.sink.RedisJsonSinkBuilder;
import com.redis.flink.sink.RedisJsonSinkConfig;
import com.redis.flink.sink.RedisPassthroughSerializer;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisMessageDeserializer;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.Deployment;
import com.redis.flink.testing.RedisJson;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.RegisterExtension;

import java.time.Duration;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.LongStream;

/** What every Redis must carry: each job once, on servers that are started for the class. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class CoreJobs {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int PARTITIONS = 5; // more than a cluster here has masters
    private static final int NUMBERS = 1000;
    private static final int KEYS = 20;

    @RegisterExtension final Flink flink = new Flink();

    private final Supplier<Deployment> starter;
    private Deployment redis;

    CoreJobs(Supplier<Deployment> starter) {
        this.starter = starter;
    }

    @BeforeAll
    void startServers() {
        redis = starter.get();
    }

    @AfterAll
    void closeServers() {
        if (redis != null) {
            redis.close();
        }
    }

    @Test
    void copiesExactlyOnceThroughAFailure() throws Exception {
        Fuse<RedisMessage> fuse = new Fuse<>();
        try (Topic from = new Topic(redis, PARTITIONS);
                Topic to = new Topic(redis, PARTITIONS)) {
            StreamExecutionEnvironment env = flink.environment(2, 1);
            RedisSinkConfig sink = to.sink().flushOnCheckpoint(true).build();
            messages(env, from.source().build())
                    .map(fuse)
                    .returns(TypeInformation.of(RedisMessage.class))
                    .sinkTo(new RedisSinkBuilder<>(new RedisPassthroughSerializer(), sink).build());
            try (Job job = flink.run(env)) {
                job.awaitRunning();
                from.addNumbers(0, NUMBERS / 2);
                awaitCopied(job, to, NUMBERS / 2);
                fuse.blowAfter(NUMBERS / 4);
                from.addNumbers(NUMBERS / 2, NUMBERS);
                job.awaitRunning(1);
                awaitCopied(job, to, NUMBERS);
                job.stopWithSavepoint();
            }
            assertThat(to.values(Topic.NUMBER)).containsExactlyInAnyOrder(numbers());
            assertThat(to.staged()).isEmpty();
            assertThat(from.pending()).isZero();
        }
    }

    @Test
    void writesStreams() throws Exception {
        try (Topic from = new Topic(redis, PARTITIONS);
                Topic to = new Topic(redis, 2 * PARTITIONS)) {
            from.addNumbers(0, NUMBERS);
            StreamExecutionEnvironment env = flink.environment(2);
            messages(env, from.source().stoppingId("$").build())
                    .rebalance()
                    .sinkTo(
                            new RedisSinkBuilder<>(
                                            new RedisPassthroughSerializer(), to.sink().build())
                                    .build());
            try (Job job = flink.run(env)) {
                job.awaitFinished();
            }
            assertThat(to.values(Topic.NUMBER)).containsExactlyInAnyOrder(numbers());
        }
    }

    @Test
    void writesHashesThatExpire() throws Exception {
        try (Topic from = new Topic(redis, PARTITIONS)) {
            String prefix = from.name() + ":item:";
            RedisHashSinkConfig config =
                    redis.connect(RedisHashSinkConfig.builder()).ttlSeconds(3600).build();
            write(
                    from,
                    new RedisHashSinkBuilder<Long>(
                                    number -> Map.of("n", Long.toString(number)), config)
                            .keyExtractor(number -> prefix + number % KEYS)
                            .build());
            for (long number = NUMBERS - KEYS; number < NUMBERS; number++) {
                String key = prefix + number % KEYS;
                assertThat(from.client().hgetAll(key)).isEqualTo(Map.of("n", "" + number));
                assertThat(from.client().ttl(key)).isBetween(3500L, 3600L);
            }
        }
    }

    @Test
    void writesDocuments() throws Exception {
        try (Topic from = new Topic(redis, PARTITIONS)) {
            String prefix = from.name() + ":item:";
            RedisJsonSinkConfig config = redis.connect(RedisJsonSinkConfig.builder()).build();
            write(
                    from,
                    new RedisJsonSinkBuilder<>(new RedisJsonObjectSerializer<Long>(), config)
                            .keyExtractor(number -> prefix + number % KEYS)
                            .build());
            for (long number = NUMBERS - KEYS; number < NUMBERS; number++) {
                String key = prefix + number % KEYS;
                assertThat(RedisJson.get(from.client(), key).asLong()).isEqualTo(number);
            }
        }
    }

    @Test
    void goesOnFromASavepoint() throws Exception {
        Ledger ledger = new Ledger();
        try (Topic topic = new Topic(redis, PARTITIONS)) {
            topic.addNumbers(0, NUMBERS / 2);
            String savepoint;
            try (Job job = flink.run(counting(2, topic, ledger))) {
                ledger.awaitEachOnce(NUMBERS / 2);
                savepoint = job.stopWithSavepoint();
            }
            topic.addNumbers(NUMBERS / 2, NUMBERS);
            try (Job job = flink.run(counting(1, topic, ledger), savepoint)) {
                ledger.awaitEachOnce(NUMBERS);
                job.checkpoint();
                Await.value("nothing is pending", LIMIT, topic::pending, n -> n == 0);
            }
        }
    }

    private StreamExecutionEnvironment counting(int parallelism, Topic topic, Ledger ledger) {
        StreamExecutionEnvironment env = flink.environment(parallelism);
        ledger.from(numbers(env, topic.source().build()));
        return env;
    }

    /** Writes a topic's numbers, those of one key with one writer, in order. */
    private void write(Topic from, Sink<Long> sink) throws Exception {
        from.addNumbers(0, NUMBERS);
        StreamExecutionEnvironment env = flink.environment(2);
        // KEYS is a multiple of PARTITIONS: the numbers of a key are in one partition.
        numbers(env, from.source().stoppingId("$").build()).sinkTo(sink);
        try (Job job = flink.run(env)) {
            job.awaitFinished();
        }
    }

    private static DataStream<RedisMessage> messages(
            StreamExecutionEnvironment env, RedisSourceConfig config) {
        return env.fromSource(
                new RedisSourceBuilder<>(config, new RedisMessageDeserializer()).build(),
                WatermarkStrategy.noWatermarks(),
                "messages");
    }

    private static DataStream<Long> numbers(
            StreamExecutionEnvironment env, RedisSourceConfig config) {
        return env.fromSource(
                        new RedisSourceBuilder<>(config, new NumberDeserializer()).build(),
                        WatermarkStrategy.noWatermarks(),
                        "numbers")
                .uid("numbers");
    }

    private static void awaitCopied(Job job, Topic to, long count) {
        Await.value(
                "checkpoints bring " + count + " out",
                LIMIT,
                () -> {
                    job.checkpoint();
                    return to.length();
                },
                length -> length >= count);
    }

    private static String[] numbers() {
        return LongStream.range(0, NUMBERS).mapToObj(Long::toString).toArray(String[]::new);
    }
}
