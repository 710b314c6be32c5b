package com.redis.flink.errors;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.RedisException;
import com.redis.flink.RedisMessage;
import com.redis.flink.it.Collected;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Topic;
import com.redis.flink.sink.RedisPassthroughSerializer;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.testing.Ports;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.testframe.source.FromElementsSource;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Jobs that cannot work fail, and say what was tried, where, and what to do. Nothing ever shows a
 * password.
 */
class BadInputIT {

    private static final String PASSWORD = "s3cret-6f1d9a";
    private static final String RIGHT = "r1ght-48c0be";

    @RegisterExtension static final RedisServer REDIS = new RedisServer("--requirepass", RIGHT);

    @RegisterExtension static final RedisServer OPEN = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    /** Options of a source or a sink, whose builders have the same ones for connections. */
    private static RedisSourceConfig.Builder source() {
        return RedisSourceConfig.builder()
                .host(REDIS.host())
                .port(REDIS.port())
                .password(RIGHT)
                .topicName("orders")
                .numPartitions(2)
                .consumerGroup("billing")
                .retryTimeoutMillis(300);
    }

    private static RedisSinkConfig.Builder sink() {
        return RedisSinkConfig.builder()
                .host(REDIS.host())
                .port(REDIS.port())
                .password(RIGHT)
                .topicName("orders")
                .numPartitions(1)
                .retryTimeoutMillis(300);
    }

    private static RedisException failure(RedisSourceConfig config) throws Exception {
        try (Collected<Long> numbers = new Collected<>()) {
            StreamExecutionEnvironment env = FLINK.environment(1);
            numbers.from(NumberDeserializer.read(env, config));
            return failureOf(env);
        }
    }

    private static RedisException failure(RedisSinkConfig config) throws Exception {
        StreamExecutionEnvironment env = FLINK.environment(1);
        // Flink's other sources may still be sent events when the job fails, and then it says that.
        env.fromSource(
                        new FromElementsSource<>(
                                List.of(RedisMessage.of("key", Map.of("data", "value")))),
                        WatermarkStrategy.noWatermarks(),
                        "messages",
                        TypeInformation.of(RedisMessage.class))
                .sinkTo(new RedisSinkBuilder<>(new RedisPassthroughSerializer(), config).build());
        return failureOf(env);
    }

    private static RedisException failureOf(StreamExecutionEnvironment env) throws Exception {
        try (Job job = FLINK.run(env)) {
            Throwable failure = job.awaitFailure();
            StringWriter trace = new StringWriter();
            failure.printStackTrace(new PrintWriter(trace));
            assertThat(trace.toString()).doesNotContain(PASSWORD, RIGHT);
            while (!(failure instanceof RedisException)) {
                assertThat(failure.getCause()).as(trace.toString()).isNotNull();
                failure = failure.getCause();
            }
            return (RedisException) failure;
        }
    }

    @AfterEach
    void noLogShowsAPassword() throws Exception {
        Path log = Path.of(System.getProperty("test.log") + ".log");
        assertThat(Files.readString(log)).contains("Redis").doesNotContain(PASSWORD, RIGHT);
    }

    @Test
    void wrongPassword() throws Exception {
        assertThat(failure(source().password(PASSWORD).build()))
                .hasMessageContaining("source topic 'orders'")
                .hasMessageContaining("redis://default@127.0.0.1:" + REDIS.port())
                .hasMessageContaining("WRONGPASS")
                .hasMessageContaining("check the options `user` and `password`")
                .extracting(RedisException::getCode)
                .isEqualTo("AUTHENTICATION");
        assertThat(failure(sink().password(PASSWORD).build()))
                .hasMessageContaining("sink topic 'orders'")
                .hasMessageContaining("redis://default@127.0.0.1:" + REDIS.port())
                .hasMessageContaining("check the options `user` and `password`")
                .extracting(RedisException::getCode)
                .isEqualTo("AUTHENTICATION");
    }

    @Test
    void noPassword() throws Exception {
        assertThat(failure(source().password("").build()))
                .hasMessageContaining("redis://127.0.0.1:" + REDIS.port())
                .hasMessageContaining("NOAUTH")
                .hasMessageContaining("check the options `user` and `password`")
                .extracting(RedisException::getCode)
                .isEqualTo("AUTHENTICATION");
    }

    @Test
    void nobodyAtThatPort() throws Exception {
        int port = Ports.free();
        assertThat(failure(source().port(port).password(PASSWORD).build()))
                .hasMessageContaining("redis://default@127.0.0.1:" + port)
                .hasMessageContaining("gave up after")
                .hasMessageContaining("(retryTimeoutMillis)")
                .hasMessageContaining("check that Redis runs there and accepts connections")
                .extracting(RedisException::getCode)
                .isEqualTo("CONNECTION");
        assertThat(failure(sink().port(port).password(PASSWORD).build()))
                .hasMessageContaining("redis://default@127.0.0.1:" + port)
                .hasMessageContaining("gave up after")
                .hasMessageContaining("check that Redis runs there and accepts connections")
                .extracting(RedisException::getCode)
                .isEqualTo("CONNECTION");
    }

    @Test
    void unknownHost() throws Exception {
        assertThat(failure(source().host("no-such-host.invalid").password(PASSWORD).build()))
                .hasMessageContaining("host 'no-such-host.invalid' can't be resolved")
                .hasMessageContaining("check the option `host`")
                .extracting(RedisException::getCode)
                .isEqualTo("UNKNOWN_HOST");
        assertThat(failure(sink().host("no-such-host.invalid").password(PASSWORD).build()))
                .hasMessageContaining("host 'no-such-host.invalid' can't be resolved")
                .hasMessageContaining("check the option `host`")
                .extracting(RedisException::getCode)
                .isEqualTo("UNKNOWN_HOST");
    }

    @Test
    void aKeyOfAnotherType() throws Exception {
        try (Topic topic = new Topic(OPEN, 1)) {
            topic.jedis().set(topic.stream(0), "a text");
            assertThat(failure(topic.source().build()))
                    .hasMessageContaining("redis://127.0.0.1:" + OPEN.port())
                    .hasMessageContaining("stream '" + topic.stream(0) + "'")
                    .hasMessageContaining("WRONGTYPE")
                    .hasMessageContaining("choose another `topicName` or remove the key")
                    .extracting(RedisException::getCode)
                    .isEqualTo("WRONG_TYPE");
            assertThat(failure(topic.sink().build()))
                    .hasMessageContaining("redis://127.0.0.1:" + OPEN.port())
                    .hasMessageContaining("stream '" + topic.stream(0) + "'")
                    .hasMessageContaining("choose another `topicName` or remove the key")
                    .extracting(RedisException::getCode)
                    .isEqualTo("WRONG_TYPE");
        }
    }

    @Test
    void noPermission() throws Exception {
        try (Topic topic = new Topic(OPEN, 1)) {
            topic.jedis()
                    .aclSetUser("app", "on", ">" + PASSWORD, "~*", "+@all", "-xgroup", "-xadd");
            assertThat(failure(topic.source().user("app").password(PASSWORD).build()))
                    .hasMessageContaining("redis://app@127.0.0.1:" + OPEN.port())
                    .hasMessageContaining("XGROUP CREATE '" + topic.group() + "'")
                    .hasMessageContaining("NOPERM")
                    .hasMessageContaining("give the user this permission (ACL SETUSER)")
                    .extracting(RedisException::getCode)
                    .isEqualTo("PERMISSION");
            assertThat(failure(topic.sink().user("app").password(PASSWORD).build()))
                    .hasMessageContaining("redis://app@127.0.0.1:" + OPEN.port())
                    .hasMessageContaining("give the user this permission (ACL SETUSER)")
                    .extracting(RedisException::getCode)
                    .isEqualTo("PERMISSION");
        }
    }
}
