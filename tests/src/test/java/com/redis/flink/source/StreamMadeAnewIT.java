package com.redis.flink.source;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.it.Collected;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.AckStrategy;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.Transaction;

import java.time.Duration;
import java.util.Map;

/** A stream that is deleted and made again with lower IDs is read from its first entry on. */
class StreamMadeAnewIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    @ParameterizedTest
    @EnumSource
    void isReadAndAcknowledgedLikeTheOldOne(AckStrategy strategy) throws Exception {
        try (Topic topic = new Topic(REDIS, 1);
                Collected<Long> numbers = new Collected<>()) {
            add(topic, "100-", 0, 50);
            StreamExecutionEnvironment env = FLINK.environment(1);
            numbers.from(
                    NumberDeserializer.read(env, topic.source().ackStrategy(strategy).build()));
            try (Job job = FLINK.run(env)) {
                numbers.await(50);
                job.checkpoint();
                try (Jedis jedis = REDIS.jedis()) {
                    Transaction anew = jedis.multi();
                    anew.del(topic.stream(0));
                    for (int number = 50; number < 70; number++) {
                        anew.xadd(
                                topic.stream(0),
                                new redis.clients.jedis.StreamEntryID("1-" + (number - 49)),
                                Map.of(Topic.NUMBER, "" + number));
                    }
                    anew.exec();
                }
                assertThat(numbers.await(70)).hasSize(70).doesNotHaveDuplicates();
                job.checkpoint();
                Await.value("nothing is pending", LIMIT, topic::pending, n -> n == 0);
            }
        }
    }

    private static void add(Topic topic, String milliseconds, int from, int to) {
        for (int number = from; number < to; number++) {
            topic.addAt(0, milliseconds + (number + 1), Map.of(Topic.NUMBER, "" + number));
        }
    }
}
