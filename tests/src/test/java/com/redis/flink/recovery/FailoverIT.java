package com.redis.flink.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.it.Flink;
import com.redis.flink.it.Fuse;
import com.redis.flink.it.Job;
import com.redis.flink.it.Ledger;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.AckStrategy;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.time.Duration;
import java.util.Map;

/** A job that fails again and again counts every message once, however it acknowledges. */
class FailoverIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int FAILURES = 6;
    private static final int MESSAGES = 500;

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    @RegisterExtension
    static final Flink ADAPTIVE = new Flink(Map.of("jobmanager.scheduler", "adaptive"));

    @ParameterizedTest
    @EnumSource
    void countsEachMessageOnce(AckStrategy strategy) throws Exception {
        countsEachMessageOnce(FLINK, Map.of(), strategy);
    }

    @ParameterizedTest
    @ValueSource(strings = {"pipeline.object-reuse", "execution.checkpointing.unaligned.enabled"})
    void countsEachMessageOnceWithThisOn(String setting) throws Exception {
        countsEachMessageOnce(FLINK, Map.of(setting, "true"), AckStrategy.ON_CHECKPOINT);
    }

    @Test
    void countsEachMessageOnceUnderTheAdaptiveScheduler() throws Exception {
        countsEachMessageOnce(ADAPTIVE, Map.of(), AckStrategy.ON_CHECKPOINT);
    }

    private static void countsEachMessageOnce(
            Flink flink, Map<String, String> settings, AckStrategy strategy) throws Exception {
        Fuse<Long> fuse = new Fuse<>();
        Ledger ledger = new Ledger();
        try (Topic topic = new Topic(REDIS, 4)) {
            StreamExecutionEnvironment env = flink.environment(2, FAILURES);
            env.configure(Configuration.fromMap(settings));
            env.enableCheckpointing(100);
            ledger.from(
                    NumberDeserializer.read(env, topic.source().ackStrategy(strategy).build())
                            .map(fuse)
                            .returns(Types.LONG));
            try (Job job = flink.run(env)) {
                for (int failure = 1; failure <= FAILURES; failure++) {
                    fuse.blowAfter(MESSAGES * failure / (FAILURES + 1));
                    topic.addNumbers((failure - 1) * MESSAGES, failure * MESSAGES);
                    ledger.awaitEachOnce(failure * MESSAGES);
                    assertThat(fuse.blown()).isEqualTo(failure);
                    if (failure % 2 == 0) {
                        job.checkpoint(); // so the next attempt goes on from here, or nearby
                    }
                }
                job.checkpoint();
                Await.value("nothing is pending", LIMIT, topic::pending, n -> n == 0);
                Await.value("nothing is left to be read", LIMIT, topic::lag, n -> n == 0);
                ledger.awaitEachOnce(FAILURES * MESSAGES);
            }
        }
    }
}
