package com.redis.flink.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Map;

/** What a URI says is what the single options would say. */
class RedisUriTest {

    @ParameterizedTest
    @CsvSource({
        "redis://h,                       redis://h:6379",
        "redis://h/,                      redis://h:6379",
        "REDIS://h:1,                     redis://h:1",
        "redis://h:1/7,                   redis://h:1/7",
        "redis://h/0,                     redis://h:6379",
        "redis://ann:geheim@h,            redis://ann@h:6379",
        "redis://:geheim@h,               redis://default@h:6379",
        "redis://ann@h,                   redis://h:6379",
        "redis://:@h,                     redis://h:6379",
        "rediss://ann:geheim@h:2/3,       rediss://ann@h:2/3",
        "redis://[::1],                   redis://[::1]:6379",
        "redis://[fe80::1%25eth0]:1/2,    redis://[fe80::1%eth0]:1/2",
        "redis://10.0.0.5:1,              redis://10.0.0.5:1",
        "unix:///run/my%20redis.sock,     redis-socket:///run/my redis.sock",
        "redis-socket:///run/a@b,         redis-socket:///run/a@b",
        "unix:///run/s?database=3,        redis-socket:///run/s?database=3",
        "redis-socket://ann:geheim@/run/s, redis-socket://ann@/run/s"
    })
    void saysWhichServer(String uri, String meaning) {
        assertThat(options(uri)).hasToString(meaning + " (flink)");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "redis-sentinel://s#m                        | redis-sentinel://s:26379#m",
                "redis-sentinel://s1:1,[::1],s3?sentinelMasterId=m"
                        + " | redis-sentinel://s1:1,[::1]:26379,s3:26379#m",
                "redis-sentinel://ann:geheim@s/4#my%20m     | redis-sentinel://ann@s:26379/4#my m",
                "redis-sentinel://s?sentinelMasterId=m#m    | redis-sentinel://s:26379#m",
                "rediss-sentinel://s#m                      | rediss-sentinel://s:26379#m"
            })
    void saysWhichSentinels(String uri, String meaning) {
        assertThat(options(uri)).hasToString(meaning + " (flink)");
        assertThat(options(uri).toJson().at("/deployment/sentinel/tls").asBoolean())
                .isEqualTo(uri.startsWith("rediss"));
    }

    @Test
    void userAndPasswordAreDecoded() {
        ConnectionOptions options = options("redis://an%40n:p%3A%2f%C3%A4+%25:x@h");

        assertThat(options.user).isEqualTo("an@n");
        assertThat(options.password).as("a plus is a plus").isEqualTo("p:/ä+%:x");
    }

    @Test
    void whatItDoesNotSayCanBeSetBesides() {
        ConnectionOptions options =
                ConnectionOptions.builder()
                        .uri("redis://h")
                        .user("ann")
                        .password("geheim")
                        .database(3)
                        .build();
        assertThat(options).hasToString("redis://ann@h:6379/3 (flink)");

        assertThat(
                        ConnectionOptions.builder()
                                .uri("redis-sentinel://s")
                                .sentinelMaster("m")
                                .addressMap(Map.of("a", "b"))
                                .build())
                .hasToString("redis-sentinel://s:26379#m (flink)");
        assertThat(
                        ConnectionOptions.builder()
                                .uri("rediss://a")
                                .useClusterApi(true)
                                .clusterNodes("b")
                                .build())
                .hasToString("rediss://a:6379,b:6379 (flink)");
    }

    @ParameterizedTest
    @CsvSource({
        "redis://h,             host",
        "redis://h,             port",
        "redis://h,             unixSocket",
        "redis://h,             sentinels",
        "redis://h,             useTls",
        "redis://ann@h,         user",
        "redis://:geheim@h,     password",
        "redis://h/0,           database",
        "redis-sentinel://h#m,  sentinelMaster",
        "unix:///s,             host"
    })
    void whatItSaysMustNotBeSetBesides(String uri, String option) {
        ConnectionOptions.Builder builder = ConnectionOptions.builder().uri(uri);
        Map<String, Runnable> setters =
                Map.of(
                        "host", () -> builder.host("h"),
                        "port", () -> builder.port(6379),
                        "unixSocket", () -> builder.unixSocket("/s"),
                        "sentinels", () -> builder.sentinels("s"),
                        "useTls", () -> builder.useTls(false),
                        "user", () -> builder.user("ann"),
                        "password", () -> builder.password("geheim"),
                        "database", () -> builder.database(0),
                        "sentinelMaster", () -> builder.sentinelMaster("m"));
        setters.get(option).run();

        String scheme = uri.substring(0, uri.indexOf(':'));
        assertThatThrownBy(builder::build)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "Option uri is \"%s://…\" and option %s is set; allowed: one of the two",
                        scheme, option);
    }

    @Test
    void certificatesNeedASchemeWithTls() {
        assertThatThrownBy(() -> ConnectionOptions.builder().uri("redis://h").caFile("/ca").build())
                .hasMessage(
                        "Option uri is \"redis://…\" and option caFile is set; allowed: rediss://"
                                + " or rediss-sentinel:// with certificates");
        assertThat(ConnectionOptions.builder().uri("rediss://h").caFile("/ca").build())
                .hasToString("rediss://h:6379 (flink)");
    }

    @Test
    void aUriOfAnotherBuildLeavesNothingBehind() {
        ConnectionOptions.Builder builder = ConnectionOptions.builder();

        assertThat(builder.uri("rediss://ann:geheim@a/3").build())
                .hasToString("rediss://ann@a:6379/3 (flink)");
        assertThat(builder.uri("redis://b").build()).hasToString("redis://b:6379 (flink)");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "s3cret",
                "s3cret://h",
                "redis:s3cret@h",
                "http://ann:s3cret@h",
                "redis://",
                "redis://:s3cret@",
                "redis://ann:s3cret",
                "redis://ann:s3cret@h:99999",
                "redis://ann:s3cret@h:port",
                "redis://ann:p@s3cret@h",
                "redis://ann:p/s3cret@h",
                "redis://ann:12/s3cret@h",
                "redis://ann:12#s3cret@h",
                "redis://ann:p?s3cret@h",
                "redis://ann:p?s3cret",
                "redis://ann:%zzs3cret@h",
                "redis://ann:s3cret%@h",
                "redis://ann:s3cret:x",
                "redis://::1:s3cret",
                "redis://ann:s3cret@[::1",
                "redis://ann:s3cret@h1,h2",
                "redis://ann:s3cret@h/x",
                "redis://ann:s3cret@h/-1",
                "redis://ann:s3cret@h?timeout=1",
                "redis://ann:s3cret@h#m",
                "redis-sentinel://ann:s3cret@h?timeout=1#m",
                "redis-sentinel://ann:s3cret@h?sentinelMasterId=a#b",
                "redis-sentinel://ann:s3cret@h,#m",
                "redis-sentinel://ann:1#s3cret@h",
                "unix://ann:s3cret@h/path",
                "unix://s3cret",
                "unix:///path?database=s3cret",
                "unix:///path?db=s3cret",
                "unix:///path?database=1&s3cret",
                "unix:///path#s3cret",
                "redis-socket:///"
            })
    void aBadOneIsRefusedAndNotShown(String uri) {
        assertThatThrownBy(() -> options(uri))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("Option uri is \"")
                .hasMessageContaining("; allowed: redis://[user[:password]@]host[:port][/database]")
                .hasMessageNotContaining("s3cret")
                .hasNoCause();
    }

    private static ConnectionOptions options(String uri) {
        return ConnectionOptions.builder().uri(uri).build();
    }
}
