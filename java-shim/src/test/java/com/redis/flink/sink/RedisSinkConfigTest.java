package com.redis.flink.sink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.redis.flink.config.MtlsParameters;

import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Defaults and wrong values of the stream sink's options. */
class RedisSinkConfigTest {

    private static RedisSinkConfig.Builder minimal() {
        return RedisSinkConfig.builder().topicName("orders").numPartitions(4);
    }

    @Test
    void defaultsAreTheDocumentedOnes() {
        RedisSinkConfig config = minimal().build();

        assertThat(config.getHost()).isEqualTo("localhost");
        assertThat(config.getPort()).isEqualTo(6379);
        assertThat(config.getPassword()).isEmpty();
        assertThat(config.getUser()).isEqualTo("default");
        assertThat(config.isFlushOnCheckpoint()).isFalse();
        assertThat(config.getDeliveryGuarantee()).isEqualTo(DeliveryGuarantee.AT_LEAST_ONCE);
        assertThat(config.getNumMessagesToBuffer()).isZero();
        assertThat(config.getFlushIntervalMillis()).isZero();
        assertThat(config.getFailedSerializationStreamName()).isEmpty();
        assertThat(config.isUseTls()).isFalse();
        assertThat(config.getMtlsParameters()).isNull();
        assertThat(config.getTraceConfiguration()).isNull();
        assertThat(config.getOtelServiceName()).isEmpty();
        assertThat(config.isUseClusterApi()).isFalse();
        assertThat(config.getConnectTimeoutMillis()).isEqualTo(5_000);
        assertThat(config.getCommandTimeoutMillis()).isEqualTo(10_000);
        assertThat(config.getRetryTimeoutMillis()).isEqualTo(60_000);
        assertThat(config.getMaxInFlightBytes()).isEqualTo(16_777_216);
        assertThat(config.getClientName()).isEqualTo("flink-sink-orders");
        assertThat(config.getMaxLen()).isZero();
        assertThat(config.isApproximateTrimming()).isTrue();
    }

    @Test
    void optionsAreKeptInAnyOrderAndTravel() throws Exception {
        RedisSinkConfig built =
                RedisSinkConfig.builder()
                        .maxLen(10)
                        .host("redis")
                        .numPartitions(3)
                        .password("geheim")
                        .approximateTrimming(false)
                        .failedSerializationStreamName("dead")
                        .flushOnCheckpoint(true)
                        .topicName("my topic")
                        .user("ann")
                        .port(1)
                        .useTls(false)
                        .mtlsParameters(null)
                        .useClusterApi(false)
                        .numMessagesToBuffer(100)
                        .flushIntervalMillis(20)
                        .connectTimeoutMillis(1)
                        .commandTimeoutMillis(2)
                        .retryTimeoutMillis(3)
                        .maxInFlightBytes(4)
                        .otelServiceName("service")
                        .traceConfiguration(
                                new SinkTraceConfiguration(
                                        SinkTraceLevel.ALL, SinkTraceContents.METADATA))
                        .build();
        RedisSinkConfig config = InstantiationUtil.clone(built);

        assertThat(config.getTopicName()).isEqualTo("my topic");
        assertThat(config.getNumPartitions()).isEqualTo(3);
        assertThat(config.getMaxLen()).isEqualTo(10);
        assertThat(config.isApproximateTrimming()).isFalse();
        assertThat(config.getConnection()).isEqualTo(built.getConnection());
        assertThat(config.getConnection()).hasToString("redis://ann@redis:1 (flink-sink-my_topic)");
        assertThat(config.getPassword()).isEqualTo("geheim");
        assertThat(config.getFailedSerializationStreamName()).isEqualTo("dead");
        assertThat(config.isFlushOnCheckpoint()).isTrue();
        assertThat(config.getNumMessagesToBuffer()).isEqualTo(100);
        assertThat(config.getFlushIntervalMillis()).isEqualTo(20);
        assertThat(config.getMaxInFlightBytes()).isEqualTo(4);
        assertThat(config.getOtelServiceName()).isEqualTo("service");
        assertThat(config.getTraceConfiguration()).isEqualTo(built.getTraceConfiguration());
        assertThat(config)
                .hasToString(
                        "RedisSinkConfig{topicName=my topic, numPartitions=3,"
                                + " connection=redis://ann@redis:1 (flink-sink-my_topic)}");
    }

    @Test
    void everyConnectionOptionCanBeSet() throws Exception {
        RedisSinkConfig config =
                InstantiationUtil.clone(
                        minimal()
                                .useClusterApi(true)
                                .host("a")
                                .clusterNodes("b:1")
                                .addressMap(Map.of("b", "c"))
                                .mtlsParameters(
                                        MtlsParameters.builder()
                                                .certificateFile("c")
                                                .keyFile("k")
                                                .build())
                                .keepaliveMillis(1000)
                                .minBackoffMillis(1)
                                .maxBackoffMillis(2)
                                .minReplicasToAck(3)
                                .build());

        assertThat(config.isUseClusterApi()).isTrue();
        assertThat(config.getClusterNodes()).containsExactly("a:6379", "b:1");
        assertThat(config.getAddressMap()).isEqualTo(Map.of("b", "c"));
        assertThat(config.isUseTls()).as("certificates imply it").isTrue();
        assertThat(config.getMtlsParameters().getCertificateFile()).isEqualTo("c");
        assertThat(config.getKeepaliveMillis()).isEqualTo(1000);
        assertThat(config.getMinBackoffMillis()).isEqualTo(1);
        assertThat(config.getMaxBackoffMillis()).isEqualTo(2);
        assertThat(config.getMinReplicasToAck()).isEqualTo(3);
    }

    static List<Arguments> wrongValues() {
        return List.of(
                wrong(
                        b -> b.topicName(null),
                        "Option topicName is required but not set; allowed: a text that is not"
                                + " blank"),
                wrong(
                        b -> b.topicName(""),
                        "Option topicName is \"\"; allowed: a text that is not blank"),
                wrong(b -> b.numPartitions(0), "Option numPartitions is 0; allowed: 1 or more"),
                wrong(b -> b.maxLen(-1), "Option maxLen is -1; allowed: 0 or more"),
                wrong(
                        b -> b.numMessagesToBuffer(-1),
                        "Option numMessagesToBuffer is -1; allowed: 0 or more"),
                wrong(
                        b -> b.flushIntervalMillis(-1),
                        "Option flushIntervalMillis is -1; allowed: 0 or more"),
                wrong(
                        b -> b.deliveryGuarantee(DeliveryGuarantee.NONE),
                        "Option deliveryGuarantee is NONE; allowed: AT_LEAST_ONCE or EXACTLY_ONCE"),
                wrong(
                        b ->
                                b.flushOnCheckpoint(true)
                                        .deliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE),
                        "Option deliveryGuarantee is AT_LEAST_ONCE and option flushOnCheckpoint is"
                                + " true; allowed: one of the two"),
                wrong(
                        b ->
                                b.deliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                                        .flushOnCheckpoint(false),
                        "Option deliveryGuarantee is EXACTLY_ONCE and option flushOnCheckpoint is"
                                + " false; allowed: one of the two"),
                wrong(
                        b -> b.maxInFlightBytes(0),
                        "Option maxInFlightBytes is 0; allowed: 1 or more"),
                wrong(b -> b.host(" "), "Option host is \" \"; allowed: a text that is not blank"),
                wrong(
                        b -> b.failedSerializationStreamName("orders:3"),
                        "Option failedSerializationStreamName is \"orders:3\"; allowed: a stream"
                                + " that is no partition of option topicName \"orders\""),
                wrong(
                        b -> b.topicName("a\0b"),
                        "Option topicName is \"a\\u0000b\"; allowed: a text without the character"
                                + " NUL"),
                wrong(
                        b -> b.topicName("a\ud800b"),
                        "Option topicName is \"a\\ud800b\"; allowed: a text without half of a"
                                + " character"),
                wrong(
                        b -> b.failedSerializationStreamName("\0"),
                        "Option failedSerializationStreamName is \"\\u0000\"; allowed: a text"
                                + " without the character NUL"),
                wrong(b -> b.port(-1), "Option port is -1; allowed: 1 to 65535"),
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
                        b -> b.clientName("a\nb"),
                        "Option clientName is \"a\nb\"; allowed: ASCII letters"),
                wrong(
                        b -> b.minReplicasToAck(-1),
                        "Option minReplicasToAck is -1; allowed: 0 or more"),
                wrong(
                        b -> b.useTls(false).caFile("/ca"),
                        "Option useTls is false and option caFile is set"),
                wrong(
                        b -> b.useClusterApi(true).database(1),
                        "Option useClusterApi is true and option database is 1"),
                wrong(
                        b -> b.uri("redis://h").host("h"),
                        "Option uri is \"redis://…\" and option host is set; allowed: one of the"
                                + " two"));
    }

    private static Arguments wrong(Consumer<RedisSinkConfig.Builder> change, String message) {
        return arguments(message, change);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrongValues")
    void aWrongValueIsNamed(String message, Consumer<RedisSinkConfig.Builder> change) {
        RedisSinkConfig.Builder builder = minimal();
        change.accept(builder);

        assertThatThrownBy(builder::build)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(message);
    }

    @Test
    void theDeliveryGuaranteeIsAnotherWordForFlushOnCheckpoint() {
        RedisSinkConfig exactlyOnce =
                minimal().deliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE).build();
        assertThat(exactlyOnce.isFlushOnCheckpoint()).isTrue();
        assertThat(exactlyOnce.getDeliveryGuarantee()).isEqualTo(DeliveryGuarantee.EXACTLY_ONCE);
        assertThat(minimal().flushOnCheckpoint(true).build().getDeliveryGuarantee())
                .isEqualTo(DeliveryGuarantee.EXACTLY_ONCE);
        assertThat(minimal().deliveryGuarantee(null).build().isFlushOnCheckpoint()).isFalse();

        RedisSinkConfig.Builder builder =
                minimal().deliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE).flushOnCheckpoint(true);
        assertThat(builder.build().isFlushOnCheckpoint()).isTrue();
        builder.deliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE).flushOnCheckpoint(false);
        assertThat(builder.build().isFlushOnCheckpoint()).isFalse();
    }

    @Test
    void aDeadLetterStreamBesideTheTopicIsFine() {
        for (String stream : new String[] {"orders:4", "orders", "orders:dead", "", null}) {
            assertThat(
                            minimal()
                                    .failedSerializationStreamName(stream)
                                    .build()
                                    .getFailedSerializationStreamName())
                    .isEqualTo(stream == null ? "" : stream);
        }
    }

    @Test
    void topicAndPartitionsAreRequired() {
        assertThatThrownBy(() -> RedisSinkConfig.builder().numPartitions(1).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("Option topicName is required but not set");
        assertThatThrownBy(() -> RedisSinkConfig.builder().topicName("t").build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("Option numPartitions is required but not set; allowed: 1 or more");
    }

    @Test
    void aTraceConfigurationNeedsBothHalves() {
        assertThatThrownBy(() -> new SinkTraceConfiguration(null, SinkTraceContents.ALL))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("Option level is required");
        assertThatThrownBy(() -> new SinkTraceConfiguration(SinkTraceLevel.ALL, null))
                .hasMessageStartingWith("Option contents is required");
    }
}
