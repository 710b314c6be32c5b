package com.redis.flink.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.RedisMessage;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Topic;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** The exactly-once sink where the input ends: all of it is in the topic, or the job is refused. */
class EndOfInputIT {

    private static final Duration LIMIT = Duration.ofMinutes(1);
    private static final int MESSAGES = 1000;

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    /** An environment that takes a checkpoint, or none, after tasks have finished. */
    private static StreamExecutionEnvironment environment(
            RuntimeExecutionMode mode, long interval, boolean checkpointAfterTheEnd) {
        StreamExecutionEnvironment env = FLINK.environment(2);
        env.setRuntimeMode(mode);
        env.configure(
                new Configuration()
                        .set(
                                CheckpointingOptions.ENABLE_CHECKPOINTS_AFTER_TASKS_FINISH,
                                checkpointAfterTheEnd));
        if (interval > 0) {
            env.enableCheckpointing(interval);
        }
        return env;
    }

    private static RedisSink<Long> sink(Topic to) {
        RedisSerializer<Long> serializer =
                number -> RedisMessage.of("key-" + number, Map.of(Topic.NUMBER, "" + number));
        // Without an interval nothing would be staged before the checkpoint.
        RedisSinkConfig config = to.sink().flushOnCheckpoint(true).flushIntervalMillis(1).build();
        return new RedisSinkBuilder<>(serializer, config).build();
    }

    private static void assertEachOnce(Topic to) {
        List<String> all =
                LongStream.range(0, MESSAGES).mapToObj(Long::toString).collect(Collectors.toList());
        assertThat(to.values(Topic.NUMBER)).containsExactlyInAnyOrderElementsOf(all);
        assertThat(to.staged()).isEmpty();
    }

    @ParameterizedTest(name = "{0}, a checkpoint each {1} ms, one after the end: {2}")
    @CsvSource({
        "STREAMING, 0, true",
        "STREAMING, 0, false",
        "STREAMING, 100, true",
        "BATCH, 0, true",
        "BATCH, 100, false",
        "AUTOMATIC, 100, false"
    })
    void commits(RuntimeExecutionMode mode, long interval, boolean checkpointAfterTheEnd)
            throws Exception {
        try (Topic from = new Topic(REDIS, 2);
                Topic to = new Topic(REDIS, 3)) {
            from.addNumbers(0, MESSAGES);
            StreamExecutionEnvironment env = environment(mode, interval, checkpointAfterTheEnd);
            NumberDeserializer.read(env, from.source().stoppingId("$").build()).sinkTo(sink(to));
            try (Job job = FLINK.run(env)) {
                job.awaitFinished();
            }
            assertEachOnce(to);
        }
    }

    @ParameterizedTest(name = "{0}, with an input that does not end: {1}")
    @CsvSource({"STREAMING, false", "STREAMING, true", "AUTOMATIC, true"})
    void isRefusedWhereNoCheckpointFollowsIt(RuntimeExecutionMode mode, boolean unbounded) {
        try (Topic from = new Topic(REDIS, 2);
                Topic to = new Topic(REDIS, 3)) {
            StreamExecutionEnvironment env = environment(mode, 100, false);
            DataStream<Long> input =
                    NumberDeserializer.read(env, from.source().stoppingId("$").build());
            if (unbounded) {
                input = input.union(NumberDeserializer.read(env, from.source().build()));
            }
            input.filter(number -> number >= 0).sinkTo(sink(to));
            assertThatThrownBy(() -> FLINK.run(env))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "sink "
                                    + to.name()
                                    + ": flushOnCheckpoint(true) needs a checkpoint after the end"
                                    + " of the input, and "
                                    + CheckpointingOptions.ENABLE_CHECKPOINTS_AFTER_TASKS_FINISH
                                            .key()
                                    + " is false: the last records would never be in the topic; set"
                                    + " it to true, its default, or use flushOnCheckpoint(false)");
        }
    }

    /** A savepoint is a checkpoint after the end of such an input. */
    @Test
    void isNoneWhereAnUnboundedJobIsStopped() throws Exception {
        try (Topic from = new Topic(REDIS, 2);
                Topic to = new Topic(REDIS, 3)) {
            from.addNumbers(0, MESSAGES);
            StreamExecutionEnvironment env =
                    environment(RuntimeExecutionMode.STREAMING, 3_600_000, false);
            NumberDeserializer.read(env, from.source().build()).sinkTo(sink(to));
            try (Job job = FLINK.run(env)) {
                Await.until("all is staged", LIMIT, () -> to.stagedRecords() == MESSAGES);
                job.stopWithSavepoint();
            }
            assertEachOnce(to);
        }
    }
}
