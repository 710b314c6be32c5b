package com.redis.flink.sink;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.RedisMessage;
import com.redis.flink.config.Credentials;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.Binary;
import com.redis.flink.testing.RedisNode;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.testing.Security;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.args.ClientPauseMode;
import redis.clients.jedis.params.ClientKillParams;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** What a sink does when its connection is lost and no further record and no checkpoint comes. */
class SinkWithoutRecordsIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final String TOPIC = "out";
    private static final String STREAM = "out:0";
    private static final String CLIENT = "without-records";

    @RegisterExtension static final RedisServer SOURCE = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    /** What every connect asks for. */
    private enum Asked {
        NOTHING(Security.PLAIN),
        CREDENTIALS(Security.PLAIN),
        CA_FILE(Security.TLS),
        MTLS_FILES(Security.MTLS),
        CREDENTIALS_AND_CA_FILE(Security.TLS);

        final Security security;

        Asked(Security security) {
            this.security = security;
        }

        RedisSinkConfig.Builder config(RedisNode node) {
            RedisSinkConfig.Builder config =
                    node.connect(RedisSinkConfig.builder())
                            .topicName(TOPIC)
                            .numPartitions(1)
                            .clientName(CLIENT);
            return name().startsWith("CREDENTIALS")
                    ? config.credentialsProvider(() -> new Credentials("app", "pw"))
                    : config;
        }
    }

    private static Job run(Topic from, RedisSinkConfig config) throws Exception {
        StreamExecutionEnvironment env = FLINK.environment(1);
        RedisSerializer<Long> serializer =
                number -> RedisMessage.of("k", Map.of(Topic.NUMBER, "" + number));
        env.fromSource(
                        new RedisSourceBuilder<>(from.source().build(), new NumberDeserializer())
                                .build(),
                        WatermarkStrategy.noWatermarks(),
                        "numbers")
                .sinkTo(new RedisSinkBuilder<>(serializer, config).build());
        return FLINK.run(env);
    }

    @ParameterizedTest
    @EnumSource(Asked.class)
    void recordsInFlightAreSentAgain(Asked asked) throws Exception {
        try (RedisNode node = RedisNode.start(Binary.REDIS_7, asked.security, List.of());
                Jedis jedis = node.jedis();
                Topic from = new Topic(SOURCE, 1)) {
            node.setUser("app", "on", ">pw", "~*", "+@all");
            try (Job job = run(from, asked.config(node).build())) {
                from.addNumber(0, 1);
                Await.until("the first record", LIMIT, () -> jedis.xlen(STREAM) == 1);

                jedis.clientPause(LIMIT.toMillis(), ClientPauseMode.WRITE);
                from.addNumber(0, 2);
                String held =
                        Await.value(
                                        "a record that waits for its reply",
                                        LIMIT,
                                        () -> held(jedis),
                                        Optional::isPresent)
                                .get();
                assertThat(jedis.clientKill(new ClientKillParams().id(held))).isEqualTo(1);
                jedis.clientUnpause();

                Await.until("the second record", LIMIT, () -> jedis.xlen(STREAM) == 2);
                job.awaitRunning();
            }
        }
    }

    /** The ID of the sink's connection whose XADD the server does not carry out yet. */
    private static Optional<String> held(Jedis jedis) {
        return Stream.of(jedis.clientList().split("\n"))
                .filter(line -> line.contains(" name=" + CLIENT + " "))
                .filter(line -> line.contains(" flags=b "))
                .map(line -> line.substring("id=".length(), line.indexOf(' ')))
                .findFirst();
    }

    @Test
    void aServerThatIsGoneForGoodFailsTheJob() throws Exception {
        try (RedisNode node = RedisNode.start(Binary.REDIS_7, Security.PLAIN, List.of());
                Topic from = new Topic(SOURCE, 1)) {
            RedisSinkConfig config =
                    Asked.NOTHING
                            .config(node)
                            .commandTimeoutMillis(1_000)
                            .retryTimeoutMillis(1_000)
                            .build();
            try (Job job = run(from, config)) {
                from.addNumber(0, 1);
                try (Jedis jedis = node.jedis()) {
                    Await.until("the record", LIMIT, () -> jedis.xlen(STREAM) == 1);
                }
                node.kill();

                Throwable failure = job.awaitFailure();
                assertThat(ExceptionUtils.findThrowableWithMessage(failure, "gave up"))
                        .as("%s", failure)
                        .isPresent();
            }
        }
    }
}
