package com.redis.flink.sink;

import com.redis.flink.it.Flink;
import com.redis.flink.it.Fuse;
import com.redis.flink.it.Job;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.testing.Await;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.connector.testframe.source.FromElementsSource;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.resps.StreamEntry;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.LongFunction;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** The jobs that the tests of the JSON and the hash sink have in common. */
final class Upserts {

    static final Duration LIMIT = Duration.ofSeconds(60);

    /** How many keys the numbers of {@link #numbers} share. */
    static final int KEYS = 20;

    private final Flink flink;

    Upserts(Flink flink) {
        this.flink = flink;
    }

    static String key(Topic topic, long number) {
        return topic.name() + ":item:" + number % KEYS;
    }

    /** Writes records with one writer. */
    Job write(Sink<String> sink, String... records) throws Exception {
        StreamExecutionEnvironment env = flink.environment(1);
        // Flink's other sources may still be sent events when the job fails, and then it says that.
        env.fromSource(
                        new FromElementsSource<>(List.of(records)),
                        WatermarkStrategy.noWatermarks(),
                        "records",
                        Types.STRING)
                .sinkTo(sink);
        return flink.run(env);
    }

    void writeAll(Sink<String> sink, String... records) throws Exception {
        try (Job job = write(sink, records)) {
            job.awaitFinished();
        }
    }

    /** Writes the numbers of a topic with several writers, each key with one of them. */
    void writeNumbers(Topic from, Sink<Long> sink) throws Exception {
        StreamExecutionEnvironment env = flink.environment(2);
        env.fromSource(
                        new RedisSourceBuilder<>(
                                        from.source().stoppingId("$").build(),
                                        new NumberDeserializer())
                                .build(),
                        WatermarkStrategy.noWatermarks(),
                        "numbers")
                .keyBy(number -> number % KEYS, Types.LONG)
                .sinkTo(sink);
        try (Job job = flink.run(env)) {
            job.awaitFinished();
        }
    }

    /**
     * Copies a topic's numbers through failures, and looks at each key's value when no checkpoint
     * has completed, and after one has.
     */
    void visibleWithCheckpointsOnly(Topic from, Sink<Long> sink, LongFunction<String> valueOfKey)
            throws Exception {
        Fuse<Long> fuse = new Fuse<>();
        StreamExecutionEnvironment env = flink.environment(1, 1);
        env.fromSource(
                        new RedisSourceBuilder<>(from.source().build(), new NumberDeserializer())
                                .build(),
                        WatermarkStrategy.noWatermarks(),
                        "numbers")
                .map(fuse)
                .returns(Types.LONG)
                .sinkTo(sink);
        Callable<List<String>> values =
                () -> LongStream.range(0, KEYS).mapToObj(valueOfKey).collect(Collectors.toList());
        try (Job job = flink.run(env)) {
            job.awaitRunning();
            from.addNumbers(0, 100);
            Await.until("all is read", LIMIT, () -> from.pending() == 100);
            if (values.call().stream().anyMatch(value -> value != null)) {
                throw new AssertionError("written before a checkpoint: " + values.call());
            }
            awaitValues(job, values, 80);

            fuse.blowAfter(150);
            from.addNumbers(100, 300);
            Await.until("the failure", LIMIT, () -> fuse.blown() == 1);
            if (!values.call().equals(latest(80))) {
                throw new AssertionError("written before a checkpoint: " + values.call());
            }
            job.awaitRunning();
            awaitValues(job, values, 280);
        }
    }

    /** What was read may not have come to the sink when the first checkpoint begins. */
    private static void awaitValues(Job job, Callable<List<String>> values, long from) {
        Await.until(
                "a checkpoint brings it out",
                LIMIT,
                () -> {
                    job.checkpoint();
                    return values.call().equals(latest(from));
                });
    }

    private static List<String> latest(long from) {
        return LongStream.range(from, from + KEYS)
                .mapToObj(Long::toString)
                .collect(Collectors.toList());
    }

    static List<Map<String, String>> deadLetters(Topic topic, String stream) {
        return topic.jedis().xrange(stream, (StreamEntryID) null, null).stream()
                .map(StreamEntry::getFields)
                .collect(Collectors.toList());
    }
}
