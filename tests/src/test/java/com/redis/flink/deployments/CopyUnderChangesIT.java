package com.redis.flink.deployments;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.config.ConnectionConfigBuilder;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.sink.RedisPassthroughSerializer;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisMessageDeserializer;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.Binary;
import com.redis.flink.testing.RedisCluster;
import com.redis.flink.testing.RedisNode;
import com.redis.flink.testing.RedisSentinel;
import com.redis.flink.testing.Security;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.extension.RegisterExtension;

import redis.clients.jedis.UnifiedJedis;

import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * A topic is copied exactly once while slots move and masters die. What a failover loses of the
 * source topic the copy may hold or not; what the servers kept it holds once, in order.
 */
class CopyUnderChangesIT {

    @RegisterExtension static final Flink FLINK = new Flink();

    private static final int PARTITIONS = 4;
    private static final Duration LIMIT = Duration.ofSeconds(90);

    @Test
    void whileSlotsMove() throws Exception {
        try (RedisCluster cluster = RedisCluster.start(Binary.REDIS_7, Security.PLAIN, 3, 0);
                UnifiedJedis client = cluster.client();
                UnifiedJedis once = cluster.client(1)) {
            Numbers numbers =
                    copy(
                            client,
                            once,
                            config -> config.port(cluster.seed().port()).useClusterApi(true),
                            0,
                            progress -> {
                                for (int round = 0; round < 3; round++) {
                                    for (String stream : progress.streams()) {
                                        RedisNode from = cluster.ownerOf(stream);
                                        RedisNode to = cluster.otherMasters(from).get(round % 2);
                                        int slot = RedisCluster.slot(stream);
                                        cluster.beginMigration(slot, from, to);
                                        cluster.moveKeys(slot, from, to);
                                        if (progress.isRead(stream)) {
                                            progress.awaitMore(200); // in the middle of it
                                        } // a commit has several keys: it waits for the end
                                        cluster.moveKeys(slot, from, to);
                                        cluster.endMigration(slot, from, to);
                                        progress.awaitMore(200);
                                    }
                                }
                                RedisNode added = cluster.add();
                                for (String stream : progress.streams()) {
                                    cluster.migrate(RedisCluster.slot(stream), added);
                                }
                                progress.awaitMore(500);
                            });
            assertThat(numbers.lost()).as("nothing was lost by moving").isEmpty();
        }
    }

    @Test
    void whileMastersOfAClusterDie(TestReporter report) throws Exception {
        try (RedisCluster cluster = RedisCluster.start(Binary.REDIS_7, Security.PLAIN, 3, 1);
                UnifiedJedis client = cluster.client();
                UnifiedJedis once = cluster.client(1)) {
            Numbers numbers =
                    copy(
                            client,
                            once,
                            config -> config.port(cluster.seed().port()).useClusterApi(true),
                            1,
                            progress -> {
                                for (String stream : List.of("from:0", "to:0", "from:1", "to:1")) {
                                    progress.awaitMore(300);
                                    RedisNode old = cluster.ownerOf(stream);
                                    RedisNode promoted = cluster.killAndPromote(old);
                                    // Until there is a replica again, nothing counts as written.
                                    old.startAgain();
                                    promoted.awaitReplicas(1);
                                }
                                progress.awaitMore(500);
                            });
            report.publishEntry("lost by the servers", numbers.lost().toString());
        }
    }

    @Test
    void whileTheMasterOfSentinelsDies(TestReporter report) throws Exception {
        try (RedisSentinel sentinel = RedisSentinel.start(Security.PLAIN, 2, "sentinel-pw");
                UnifiedJedis client = sentinel.client()) {
            Numbers numbers =
                    copy(
                            client,
                            client, // it tries once
                            config ->
                                    config.sentinels(sentinel.addresses().toArray(new String[0]))
                                            .sentinelMaster(RedisSentinel.MASTER)
                                            .sentinelPassword("sentinel-pw"),
                            1,
                            progress -> {
                                progress.awaitMore(500);
                                sentinel.killMaster();
                                progress.awaitMore(500);
                            });
            report.publishEntry("lost by the servers", numbers.lost().toString());
        }
    }

    /** What is done to the servers while the copy goes on. */
    private interface Changes {
        void make(Numbers progress) throws Exception;
    }

    private static Numbers copy(
            UnifiedJedis client,
            UnifiedJedis once,
            Consumer<ConnectionConfigBuilder<?>> reach,
            int minReplicas,
            Changes changes)
            throws Exception {
        RedisSourceConfig.Builder source =
                RedisSourceConfig.builder()
                        .topicName("from")
                        .numPartitions(PARTITIONS)
                        .consumerGroup("copy")
                        .startingId("0");
        RedisSinkConfig.Builder sink =
                RedisSinkConfig.builder()
                        .topicName("to")
                        .numPartitions(PARTITIONS)
                        .flushOnCheckpoint(true)
                        .minReplicasToAck(minReplicas);
        reach.accept(source.commandTimeoutMillis(3000));
        reach.accept(sink.commandTimeoutMillis(3000));
        StreamExecutionEnvironment env = FLINK.environment(2, 1000);
        env.enableCheckpointing(300);
        env.fromSource(
                        new RedisSourceBuilder<>(source.build(), new RedisMessageDeserializer())
                                .build(),
                        WatermarkStrategy.noWatermarks(),
                        "from")
                .sinkTo(
                        new RedisSinkBuilder<>(new RedisPassthroughSerializer(), sink.build())
                                .build());

        Numbers numbers = new Numbers(client, once, "from", "to", PARTITIONS);
        try (Job job = FLINK.run(env);
                Numbers.Production production = numbers.produce()) {
            numbers.awaitMore(1000);
            changes.make(numbers);
            production.close();
            Await.until("all is copied", LIMIT, numbers::areCopied);
            numbers.assertCopiedOnceAndInOrder();
            Await.until("nothing is pending", LIMIT, () -> numbers.pending("copy") == 0);
        }
        return numbers;
    }
}
