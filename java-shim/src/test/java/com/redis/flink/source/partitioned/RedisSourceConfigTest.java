package com.redis.flink.source.partitioned;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

class RedisSourceConfigTest {

    private static final String IDS =
            "\"$\" (behind the last entry), \"0\", \"<milliseconds>\" or"
                    + " \"<milliseconds>-<sequence>\", or an object that prints as one of these";

    @Test
    void hasTheDocumentedDefaults() {
        RedisSourceConfig config = valid().build();

        assertThat(config.getHost()).isEqualTo("localhost");
        assertThat(config.getPort()).isEqualTo(6379);
        assertThat(config.getUser()).isEqualTo("default");
        assertThat(config.getPassword()).isEmpty();
        assertThat(config.isUseClusterApi()).isFalse();
        assertThat(config.isUseTls()).isFalse();
        assertThat(config.getMtlsParameters()).isNull();
        assertThat(config.getAckStrategy()).isEqualTo(AckStrategy.ON_CHECKPOINT);
        assertThat(config.getStartingId()).isEqualTo("$");
        assertThat(config.getStoppingId()).isEmpty();
        assertThat(config.getFailedDeserializationStreamName()).isEmpty();
        assertThat(config.getOtelServiceName()).isEmpty();
        assertThat(config.getBatchSize()).isEqualTo(1000);
        assertThat(config.getBlockMillis()).isEqualTo(1000);
        assertThat(config.getMaxBufferedBytes()).isEqualTo(16 * 1024 * 1024);
        assertThat(config.getClaimMinIdleMillis()).isEqualTo(60_000);
        assertThat(config.getConnectTimeoutMillis()).isEqualTo(5000);
        assertThat(config.getCommandTimeoutMillis()).isEqualTo(10_000);
        assertThat(config.getRetryTimeoutMillis()).isEqualTo(60_000);
        assertThat(config.getClientName()).isEqualTo("flink-billing");
    }

    @Test
    void everyConnectionOptionCanBeSet() throws Exception {
        RedisSourceConfig config =
                InstantiationUtil.clone(
                        valid().sentinels("s1", "s2:1")
                                .sentinelMaster("m")
                                .addressMap(Map.of("a", "b"))
                                .database(3)
                                .user("ann")
                                .password("geheim")
                                .useTls(true)
                                .keepaliveMillis(1000)
                                .minBackoffMillis(1)
                                .maxBackoffMillis(2)
                                .build());

        assertThat(config.getSentinels()).containsExactly("s1:26379", "s2:1");
        assertThat(config.getSentinelMaster()).isEqualTo("m");
        assertThat(config.getAddressMap()).isEqualTo(Map.of("a", "b"));
        assertThat(config.getDatabase()).isEqualTo(3);
        assertThat(config.isUseTls()).isTrue();
        assertThat(config.getClusterNodes()).isEmpty();
        assertThat(config.getUnixSocket()).isEmpty();
        assertThat(config.getKeepaliveMillis()).isEqualTo(1000);
        assertThat(config.getMinBackoffMillis()).isEqualTo(1);
        assertThat(config.getMaxBackoffMillis()).isEqualTo(2);
        assertThat(config.toString()).contains("rediss-sentinel://ann@s1:26379,s2:1/3#m");
    }

    @Test
    void aUriSaysWhatTheSingleOptionsSay() {
        RedisSourceConfig config = valid().uri("rediss://ann:geheim@redis:1").build();

        assertThat(config.getHost()).isEqualTo("redis");
        assertThat(config.getPort()).isEqualTo(1);
        assertThat(config.getUser()).isEqualTo("ann");
        assertThat(config.getPassword()).isEqualTo("geheim");
        assertThat(config.isUseTls()).isTrue();
        assertThat(config.toString()).contains("rediss://ann@redis:1 ").doesNotContain("geheim");
    }

    static Stream<Arguments> wrongValues() {
        return Stream.of(
                wrong(b -> b.consumerGroup(null), "Option consumerGroup is required but not set"),
                wrong(b -> b.consumerGroup(" "), "Option consumerGroup is \" \"; allowed: a text"),
                wrong(b -> b.topicName(null), "Option topicName is required but not set"),
                wrong(b -> b.topicName(""), "Option topicName is \"\"; allowed: a text"),
                wrong(
                        b -> b.topicName("a\u0000b"),
                        "Option topicName is \"a\\u0000b\"; allowed: a text without the character"),
                wrong(b -> b.consumerGroup("\u0000"), "Option consumerGroup is \"\\u0000\""),
                wrong(
                        b -> b.failedDeserializationStreamName("a\u0000"),
                        "Option failedDeserializationStreamName is \"a\\u0000\""),
                wrong(b -> b.otelServiceName("a\u0000"), "Option otelServiceName is \"a\\u0000\""),
                wrong(b -> b.clientName("a\u0000"), "Option clientName is \"a"),
                wrong(b -> b.host("a\u0000"), "Option host is \"a\\u0000\""),
                wrong(b -> b.numPartitions(0), "Option numPartitions is 0; allowed: 1 or more"),
                wrong(b -> b.host(" "), "Option host is \" \"; allowed: a text"),
                wrong(b -> b.port(0), "Option port is 0; allowed: 1 to 65535"),
                wrong(b -> b.port(65536), "Option port is 65536; allowed: 1 to 65535"),
                wrong(b -> b.ackStrategy(null), "Option ackStrategy is required but not set"),
                wrong(b -> b.startingId(null), "Option startingId is required but not set"),
                wrong(b -> b.startingId(">"), "Option startingId is \">\"; allowed: " + IDS),
                wrong(
                        b -> b.startingId("1-2-3"),
                        "Option startingId is \"1-2-3\"; allowed: " + IDS),
                wrong(b -> b.startingId("-5"), "Option startingId is \"-5\"; allowed: " + IDS),
                wrong(b -> b.startingId(""), "Option startingId is \"\"; allowed: " + IDS),
                wrong(b -> b.stoppingId("now"), "Option stoppingId is \"now\"; allowed: " + IDS),
                wrong(b -> b.batchSize(0), "Option batchSize is 0; allowed: 1 or more"),
                wrong(b -> b.blockMillis(0), "Option blockMillis is 0; allowed: 1 or more"),
                wrong(
                        b -> b.maxBufferedBytes(0),
                        "Option maxBufferedBytes is 0; allowed: 1 or more"),
                wrong(
                        b -> b.claimMinIdleMillis(-1),
                        "Option claimMinIdleMillis is -1; allowed: 0 or more"),
                wrong(
                        b -> b.connectTimeoutMillis(0),
                        "Option connectTimeoutMillis is 0; allowed: 1 or more"),
                wrong(
                        b -> b.commandTimeoutMillis(0),
                        "Option commandTimeoutMillis is 0; allowed: 1 or more"),
                wrong(
                        b -> b.retryTimeoutMillis(-1),
                        "Option retryTimeoutMillis is -1; allowed: 0 or more"),
                wrong(
                        b -> b.clientName("a b"),
                        "Option clientName is \"a b\"; allowed: ASCII letters"),
                wrong(
                        b -> b.useClusterApi(true).database(1),
                        "Option useClusterApi is true and option database is 1"),
                wrong(
                        b -> b.useTls(false).caFile("/ca"),
                        "Option useTls is false and option caFile is set"),
                wrong(
                        b -> b.minBackoffMillis(9).maxBackoffMillis(8),
                        "Option maxBackoffMillis is 8; allowed: 9 (option minBackoffMillis)"));
    }

    @ParameterizedTest
    @MethodSource("wrongValues")
    void refusesWrongValues(UnaryOperator<RedisSourceConfig.Builder> change, String message) {
        assertThatThrownBy(() -> change.apply(valid()).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(message);
    }

    @Test
    void numPartitionsIsRequired() {
        assertThatThrownBy(
                        () -> RedisSourceConfig.builder().topicName("t").consumerGroup("g").build())
                .hasMessage("Option numPartitions is required but not set; allowed: 1 or more");
    }

    @Test
    @SuppressWarnings("deprecation")
    void requireAckIsAnOlderWayToSayIt() {
        assertThat(valid().requireAck(false).build().getAckStrategy()).isEqualTo(AckStrategy.NOACK);
        assertThat(valid().requireAck(true).build().getAckStrategy())
                .isEqualTo(AckStrategy.ON_CHECKPOINT);
    }

    @ParameterizedTest
    @EnumSource
    @SuppressWarnings("deprecation")
    void requireAckMustNotContradictTheStrategy(AckStrategy strategy) {
        boolean acknowledges =
                strategy == AckStrategy.ON_CHECKPOINT || strategy == AckStrategy.ON_EMIT;

        assertThat(valid().ackStrategy(strategy).build().isRequireAck()).isEqualTo(acknowledges);
        assertThat(valid().requireAck(acknowledges).ackStrategy(strategy).build())
                .returns(strategy, RedisSourceConfig::getAckStrategy);
        assertThat(valid().ackStrategy(strategy).requireAck(acknowledges).build())
                .returns(strategy, RedisSourceConfig::getAckStrategy);
        assertThatThrownBy(() -> valid().ackStrategy(strategy).requireAck(!acknowledges).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "Option ackStrategy is %s and option requireAck is %s; allowed: ackStrategy"
                                + " alone (requireAck is its older form)",
                        strategy, !acknowledges);
    }

    @ParameterizedTest
    @ValueSource(strings = {"orders:0", "orders:3"})
    void deadLettersDoNotGoIntoTheTopic(String stream) {
        assertThatThrownBy(() -> valid().failedDeserializationStreamName(stream).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "Option failedDeserializationStreamName is \"%s\"; allowed: a stream that"
                                + " is no partition of option topicName \"orders\"",
                        stream);
    }

    @ParameterizedTest
    @ValueSource(strings = {"orders", "orders:4", "orders:00", "orders:-1", "orders:x", "dead:0"})
    void deadLettersGoAnywhereElse(String stream) {
        assertThat(valid().failedDeserializationStreamName(stream).build())
                .returns(stream, RedisSourceConfig::getFailedDeserializationStreamName);
    }

    @Test
    void keepsWhatAnIdPrintsAsAndNotTheObject() throws Exception {
        Object notSerializable =
                new Object() {
                    @Override
                    public String toString() {
                        return "5-18446744073709551615";
                    }
                };

        RedisSourceConfig config =
                InstantiationUtil.clone(
                        valid().startingId(notSerializable).stoppingId(notSerializable).build());

        assertThat(config.getStartingId()).isEqualTo("5-18446744073709551615");
        assertThat(config.getStoppingId()).contains("5-18446744073709551615");
    }

    @Test
    void stopsBehindAllOfAMillisecond() {
        assertThat(valid().stoppingId(7).build().getStoppingId())
                .contains("7-18446744073709551615");
        assertThat(valid().stoppingId("$").build().getStoppingId()).contains("$");
        assertThat(valid().startingId(7).build().getStartingId()).isEqualTo("7");
    }

    @Test
    void givesTheEngineItsSettings() throws Exception {
        RedisSourceConfig config =
                valid().host("redis")
                        .password("geheim")
                        .failedDeserializationStreamName("bad")
                        .build();

        JsonNode source = new ObjectMapper().readTree(config.toSettings().toString());
        assertThat(source.at("/connection/deployment/single/host").asText()).isEqualTo("redis");
        assertThat(source.path("connection").path("password").asText()).isEqualTo("geheim");
        assertThat(source.fieldNames())
                .toIterable()
                .containsExactlyInAnyOrder(
                        "connection",
                        "topic",
                        "numPartitions",
                        "group",
                        "ackStrategy",
                        "startingId",
                        "stoppingId",
                        "batchSize",
                        "blockMillis",
                        "maxBufferedBytes",
                        "claimMinIdleMillis");
        assertThat(source.path("stoppingId").isNull()).isTrue();

        JsonNode sink = new ObjectMapper().readTree(config.toDeadLetterSettings().toString());
        assertThat(sink.path("deadLetterStream").asText()).isEqualTo("bad");
        assertThat(sink.fieldNames())
                .toIterable()
                .containsExactlyInAnyOrder(
                        "connection",
                        "topic",
                        "numPartitions",
                        "maxLen",
                        "approximateTrimming",
                        "maxInFlightBytes",
                        "deadLetterStream");
    }

    @Test
    void neverShowsThePassword() {
        assertThat(valid().password("geheim").build().toString())
                .contains("orders", "billing", "localhost")
                .doesNotContain("geheim");
        assertThatThrownBy(() -> valid().password("geheim").port(-1).build())
                .message()
                .doesNotContain("geheim");
    }

    private static RedisSourceConfig.Builder valid() {
        return RedisSourceConfig.builder()
                .topicName("orders")
                .numPartitions(4)
                .consumerGroup("billing");
    }

    private static Arguments wrong(
            UnaryOperator<RedisSourceConfig.Builder> change, String message) {
        return Arguments.of(change, message);
    }
}
