package com.redis.flink.sink;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.RedisMessage;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Fuse;
import com.redis.flink.it.Job;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Shared;
import com.redis.flink.it.Topic;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** When records go out: options numMessagesToBuffer and flushIntervalMillis. */
class BufferingIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int MESSAGES = 1000;
    private static final int NEVER = 3_600_000;

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    private static RedisSink<Long> sink(Topic topic, int numMessages, int intervalMillis) {
        RedisSerializer<Long> serializer =
                number -> RedisMessage.of("key-" + number, Map.of(Topic.NUMBER, "" + number));
        return new RedisSinkBuilder<>(
                        serializer,
                        topic.sink()
                                .numMessagesToBuffer(numMessages)
                                .flushIntervalMillis(intervalMillis)
                                .build())
                .build();
    }

    private static List<String> texts(int to) {
        return LongStream.range(0, to).mapToObj(Long::toString).collect(Collectors.toList());
    }

    @ParameterizedTest(name = "{0} messages, {1} ms")
    @CsvSource({"0, 0", "1, 0", "7, 0", "0, 50", "7, 50", "1000000, " + NEVER})
    void theEndOfTheInputFlushesEverything(int numMessages, int intervalMillis) throws Exception {
        try (Topic from = new Topic(REDIS, 2);
                Topic to = new Topic(REDIS, 3)) {
            from.addNumbers(0, MESSAGES);
            StreamExecutionEnvironment env = FLINK.environment(2);
            NumberDeserializer.read(env, from.source().stoppingId("$").build())
                    .sinkTo(sink(to, numMessages, intervalMillis));
            try (Job job = FLINK.run(env)) {
                job.awaitFinished();
            }
            assertThat(to.values(Topic.NUMBER))
                    .containsExactlyInAnyOrderElementsOf(texts(MESSAGES));
        }
    }

    @ParameterizedTest(name = "{0} messages, {1} ms")
    @CsvSource({"0, 0", "1, 0", "100, 50", "1000000, " + NEVER})
    void aFailoverLosesNothing(int numMessages, int intervalMillis) throws Exception {
        int failures = 3;
        Fuse<Long> fuse = new Fuse<>();
        try (Topic from = new Topic(REDIS, 2);
                Topic to = new Topic(REDIS, 3)) {
            StreamExecutionEnvironment env = FLINK.environment(2, failures);
            env.enableCheckpointing(100);
            NumberDeserializer.read(env, from.source().build())
                    .map(fuse)
                    .returns(Types.LONG)
                    .sinkTo(sink(to, numMessages, intervalMillis));
            try (Job job = FLINK.run(env)) {
                for (int failure = 1; failure <= failures; failure++) {
                    fuse.blowAfter(MESSAGES / 2);
                    from.addNumbers((failure - 1) * MESSAGES, failure * MESSAGES);
                    int round = failure;
                    Await.until("the failure", LIMIT, () -> fuse.blown() == round);
                    List<String> expected = texts(failure * MESSAGES);
                    Await.until(
                            "all is written",
                            LIMIT,
                            () -> to.values(Topic.NUMBER).containsAll(expected));
                }
            }
        }
    }

    @Test
    void oneMessageIsSynchronous() throws Exception {
        try (Topic from = new Topic(REDIS, 1);
                Topic to = new Topic(REDIS, 1);
                Shared<Topic> written = new Shared<>(to);
                Shared<List<Long>> lengths = new Shared<>(new CopyOnWriteArrayList<>())) {
            from.addNumbers(0, 100);
            StreamExecutionEnvironment env = FLINK.environment(1);
            // Chained to the sink: it has taken all records before this one.
            NumberDeserializer.read(env, from.source().stoppingId("$").build())
                    .map(
                            number -> {
                                lengths.get().add(written.get().length());
                                return number;
                            })
                    .returns(Types.LONG)
                    .sinkTo(sink(to, 1, 0));
            try (Job job = FLINK.run(env)) {
                job.awaitFinished();
            }
            assertThat(lengths.get())
                    .isEqualTo(LongStream.range(0, 100).boxed().collect(Collectors.toList()));
        }
    }

    @ParameterizedTest(name = "{0} messages, {1} ms")
    @CsvSource({"0, 0", "0, 100", "1000, 100"})
    void aRecordOfAnIdleStreamArrives(int numMessages, int intervalMillis) throws Exception {
        try (Topic from = new Topic(REDIS, 1);
                Topic to = new Topic(REDIS, 1)) {
            StreamExecutionEnvironment env = FLINK.environment(1);
            NumberDeserializer.read(env, from.source().build())
                    .sinkTo(sink(to, numMessages, intervalMillis));
            try (Job job = FLINK.run(env)) {
                for (int number = 0; number < 3; number++) {
                    from.addNumber(0, number);
                    int expected = number + 1;
                    Await.until("it arrives", LIMIT, () -> to.length() == expected);
                }
            }
        }
    }

    @Test
    void aCheckpointFlushesAFrameThatIsNotFull() throws Exception {
        try (Topic from = new Topic(REDIS, 1);
                Topic to = new Topic(REDIS, 1)) {
            StreamExecutionEnvironment env = FLINK.environment(1);
            NumberDeserializer.read(env, from.source().build()).sinkTo(sink(to, 1000, 0));
            from.addNumbers(0, 10);
            try (Job job = FLINK.run(env)) {
                Await.until("all is read", LIMIT, () -> from.pending() == 10);
                assertThat(to.length()).isZero();
                // What was read may not have come to the sink when the first one begins.
                Await.until(
                        "a checkpoint brings it out",
                        LIMIT,
                        () -> {
                            job.checkpoint();
                            return to.length() == 10;
                        });
            }
        }
    }
}
