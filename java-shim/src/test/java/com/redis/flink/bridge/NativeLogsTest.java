package com.redis.flink.bridge;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.slf4j.Logger;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

class NativeLogsTest {

    private final List<String> logged = new ArrayList<>();

    @Test
    void publishesByTargetAndLevelInOrder() {
        String poll = "flink_redis_engine::source::poll";
        NativeLogs.publish(
                "{\"dropped\":0,\"events\":["
                        + "{\"level\":1,\"target\":\""
                        + poll
                        + "\",\"message\":\"a {}\"},"
                        + "{\"level\":2,\"target\":\"flink_redis_engine\",\"message\":\"b\"},"
                        + "{\"level\":3,\"target\":\"redis::aio\",\"message\":\"c\"},"
                        + "{\"level\":4,\"target\":\"x\",\"message\":\"d\"},"
                        + "{\"level\":5,\"target\":\"x\",\"message\":\"e\"}]}",
                this::logger,
                0);

        assertThat(logged)
                .containsExactly(
                        "com.redis.flink.native.source.poll error [{}, a {}]",
                        "com.redis.flink.native warn [{}, b]",
                        "com.redis.flink.native.redis.aio info [{}, c]",
                        "com.redis.flink.native.x debug [{}, d]",
                        "com.redis.flink.native.x trace [{}, e]");
    }

    @Test
    void whatComesLateTellsWhenItHappened() {
        String event = "{\"time\":1700000000123,\"level\":3,\"target\":\"x\",\"message\":\"a\"}";
        NativeLogs.publish("{\"events\":[" + event + "]}", this::logger, 1_700_000_002_123L);
        NativeLogs.publish("{\"events\":[" + event + "]}", this::logger, 1_700_000_002_124L);

        assertThat(logged)
                .containsExactly(
                        "com.redis.flink.native.x info [{}, a]",
                        "com.redis.flink.native.x info [{}, a (at 2023-11-14T22:13:20.123Z)]");
    }

    @Test
    void tracesOfTheSinksHaveTheirOwnLogger() {
        assertThat(NativeLogs.loggerName("sink.trace")).isEqualTo("com.redis.flink.sink.trace");
        assertThat(NativeLogs.loggerName("flink_redis::sink.trace"))
                .isEqualTo("com.redis.flink.sink.trace");
        assertThat(NativeLogs.loggerName("flink_redis_engine::sink::trace"))
                .isEqualTo("com.redis.flink.native.sink.trace");
    }

    @Test
    void saysHowManyWereDropped() {
        NativeLogs.publish("{\"dropped\":7,\"events\":[]}", this::logger, 0);

        assertThat(logged)
                .containsExactly(
                        "com.redis.flink.native warn [{} log events of the native engine were"
                                + " dropped., 7]");
    }

    @Test
    void survivesWhatItCannotRead() {
        NativeLogs.publish("{", this::logger, 0);

        assertThat(logged).hasSize(1);
        assertThat(logged.get(0))
                .startsWith("com.redis.flink.native warn [The native engine logged");
    }

    private Logger logger(String name) {
        return (Logger)
                Proxy.newProxyInstance(
                        getClass().getClassLoader(),
                        new Class<?>[] {Logger.class},
                        (proxy, method, arguments) -> {
                            logged.add(
                                    name
                                            + " "
                                            + method.getName()
                                            + " "
                                            + Arrays.deepToString(arguments));
                            return null;
                        });
    }
}
