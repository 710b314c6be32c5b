package com.redis.flink.source;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Shared;
import com.redis.flink.it.Topic;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Idle partitions do not delay a busy one on the same reader. */
class IdlePartitionsIT {

    private static final int BLOCK_MILLIS = 2000;
    private static final int MESSAGES = 20;

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    @Test
    void aMessageComesOutAtOnce() throws Exception {
        BlockingQueue<Long> out = new LinkedBlockingQueue<>();
        try (Topic topic = new Topic(REDIS, 4);
                Shared<BlockingQueue<Long>> shared = new Shared<>(out)) {
            StreamExecutionEnvironment env = FLINK.environment(1);
            NumberDeserializer.read(env, topic.source().blockMillis(BLOCK_MILLIS).build())
                    .map(
                            number -> {
                                shared.get().add(number);
                                return number;
                            })
                    .returns(Types.LONG)
                    .sinkTo(new DiscardingSink<>());
            try (Job job = FLINK.run(env)) {
                pingPong(topic, out, -1); // connected
                long start = System.nanoTime();
                for (long number = 0; number < MESSAGES; number++) {
                    pingPong(topic, out, number);
                }
                // A reader that blocks on its partitions in turn takes at least MESSAGES times the
                // block time of three partitions; even one block time for all is not needed here.
                assertThat(Duration.ofNanos(System.nanoTime() - start))
                        .isLessThan(Duration.ofMillis(3L * BLOCK_MILLIS));
            }
        }
    }

    private static void pingPong(Topic topic, BlockingQueue<Long> out, long number)
            throws InterruptedException {
        topic.addNumber(2, number);
        assertThat(out.poll(60, TimeUnit.SECONDS)).isEqualTo(number);
    }
}
