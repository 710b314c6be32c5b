package com.redis.flink.source;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.it.Flink;
import com.redis.flink.it.Fuse;
import com.redis.flink.it.Job;
import com.redis.flink.it.Ledger;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.connector.base.source.hybrid.HybridSource;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import java.time.Duration;

/** A topic behind another source, as where a job begins with what is archived. */
class HybridSourceIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    @Test
    void goesOnWithTheTopicAndAfterAFailureToo() throws Exception {
        Fuse<Long> fuse = new Fuse<>();
        Ledger ledger = new Ledger();
        try (Topic topic = new Topic(REDIS, 4)) {
            HybridSource<Long> source =
                    HybridSource.builder(new NumberSequenceSource(0, 99))
                            .addSource(
                                    new RedisSourceBuilder<>(
                                                    topic.source().build(),
                                                    new NumberDeserializer())
                                            .build())
                            .build();
            StreamExecutionEnvironment env = FLINK.environment(2, 1);
            env.enableCheckpointing(100);
            ledger.from(
                    env.fromSource(source, WatermarkStrategy.noWatermarks(), "both", Types.LONG)
                            .map(fuse)
                            .returns(Types.LONG));
            topic.addNumbers(100, 200);
            try (Job job = FLINK.run(env)) {
                ledger.awaitEachOnce(200);
                fuse.blowAfter(50);
                topic.addNumbers(200, 300);
                ledger.awaitEachOnce(300);
                assertThat(fuse.blown()).isEqualTo(1);
                job.checkpoint();
                Await.value("nothing is pending", LIMIT, topic::pending, n -> n == 0);
            }
        }
    }
}
