package com.redis.flink.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.NullAndEmptySource;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Defaults, wrong values and secrets of the connection options. */
class ConnectionOptionsTest {

    @Test
    void defaultsAreTheDocumentedOnes() {
        assertThat(ConnectionOptions.builder().build().toJson())
                .hasToString(
                        "{\"deployment\":{\"single\":{\"host\":\"localhost\",\"port\":6379,"
                                + "\"database\":0}},\"user\":\"default\",\"password\":\"\","
                                + "\"clientName\":\"flink\",\"connectTimeoutMillis\":5000,"
                                + "\"commandTimeoutMillis\":10000,\"retryTimeoutMillis\":60000,"
                                + "\"keepaliveMillis\":30000,\"minBackoffMillis\":50,"
                                + "\"maxBackoffMillis\":2000}");
    }

    @Test
    void everyOptionReachesTheEngine() throws Exception {
        ConnectionOptions options =
                ConnectionOptions.builder()
                        .maxBackoffMillis(4)
                        .minBackoffMillis(3)
                        .keepaliveMillis(1000)
                        .retryTimeoutMillis(0)
                        .commandTimeoutMillis(2)
                        .connectTimeoutMillis(1)
                        .clientName("me")
                        .password("geheim \"ä\"")
                        .user("ann")
                        .port(65535)
                        .host("redis")
                        .build();

        assertThat(options.toJson())
                .hasToString(
                        "{\"deployment\":{\"single\":{\"host\":\"redis\",\"port\":65535,"
                                + "\"database\":0}},\"user\":\"ann\","
                                + "\"password\":\"geheim \\\"ä\\\"\",\"clientName\":\"me\","
                                + "\"connectTimeoutMillis\":1,\"commandTimeoutMillis\":2,"
                                + "\"retryTimeoutMillis\":0,\"keepaliveMillis\":1000,"
                                + "\"minBackoffMillis\":3,\"maxBackoffMillis\":4}");
        assertThat(options).hasToString("redis://ann@redis:65535 (me)");
        assertThat(InstantiationUtil.clone(options)).isEqualTo(options);
    }

    @Test
    void noUserAndNoPasswordAreTheDefaults() {
        assertThat(ConnectionOptions.builder().user(null).password(null).build())
                .isEqualTo(ConnectionOptions.builder().build());
    }

    @Test
    void theDeploymentReachesTheEngineAsOneOfFour() throws Exception {
        ConnectionOptions socket =
                ConnectionOptions.builder().unixSocket("/run/redis.sock").database(3).build();
        assertThat(deployment(socket))
                .isEqualTo("{'unix':{'path':'/run/redis.sock','database':3}}");
        assertThat(socket).hasToString("redis-socket:///run/redis.sock?database=3 (flink)");

        ConnectionOptions cluster =
                ConnectionOptions.builder()
                        .useClusterApi(true)
                        .host("::1")
                        .port(7000)
                        .clusterNodes("h2:7001", "[fe80::2]:7002,h3")
                        .addressMap(Map.of("10.0.0.5:6379", "public.example:7000"))
                        .useTls(true)
                        .build();
        assertThat(deployment(cluster))
                .isEqualTo(
                        "{'cluster':{'seeds':[{'host':'::1','port':7000},"
                                + "{'host':'h2','port':7001},{'host':'fe80::2','port':7002},"
                                + "{'host':'h3','port':6379}],"
                                + "'addressMap':{'10.0.0.5:6379':'public.example:7000'}}}");
        assertThat(cluster.toJson().path("tls")).hasToString("{}");
        assertThat(cluster)
                .hasToString("rediss://[::1]:7000,h2:7001,[fe80::2]:7002,h3:6379 (flink)");

        ConnectionOptions sentinel =
                ConnectionOptions.builder()
                        .sentinels("s1:26380,s2")
                        .sentinelMaster("mymaster")
                        .sentinelUser("watch")
                        .sentinelPassword("geheim")
                        .user("ann")
                        .password("auch geheim")
                        .useTls(true)
                        .database(2)
                        .build();
        assertThat(deployment(sentinel))
                .isEqualTo(
                        "{'sentinel':{'master':'mymaster','sentinels':["
                                + "{'host':'s1','port':26380},{'host':'s2','port':26379}],"
                                + "'user':'watch','password':'geheim','tls':true,'database':2,"
                                + "'addressMap':{}}}");
        assertThat(sentinel)
                .hasToString("rediss-sentinel://ann@s1:26380,s2:26379/2#mymaster (flink)");

        for (ConnectionOptions options : List.of(socket, cluster, sentinel)) {
            assertThat(InstantiationUtil.clone(options))
                    .isEqualTo(options)
                    .hasSameHashCodeAs(options);
        }
    }

    @Test
    void sentinelsSpeakTlsAsTheServersDoOrAsToldOtherwise() {
        assertThat(sentinel().build().toJson().at("/deployment/sentinel/tls").asBoolean())
                .isFalse();
        assertThat(
                        sentinel()
                                .useTls(true)
                                .build()
                                .toJson()
                                .at("/deployment/sentinel/tls")
                                .asBoolean())
                .isTrue();
        ConnectionOptions mixed = sentinel().useTls(true).sentinelTls(false).build();
        assertThat(mixed.toJson().at("/deployment/sentinel/tls").asBoolean()).isFalse();
        assertThat(mixed.toJson().has("tls")).isTrue();
    }

    private static ConnectionOptions.Builder sentinel() {
        return ConnectionOptions.builder().sentinels("s").sentinelMaster("m");
    }

    @Test
    void nodesOfAClusterWillDoWithoutAHost() {
        ConnectionOptions options =
                ConnectionOptions.builder().useClusterApi(true).clusterNodes("a:1", "b:2").build();

        assertThat(deployment(options))
                .isEqualTo(
                        "{'cluster':{'seeds':[{'host':'a','port':1},{'host':'b','port':2}],"
                                + "'addressMap':{}}}");
    }

    @Test
    void theAddressMapHasWhatTheEngineLooksFor() {
        Map<String, String> given = new LinkedHashMap<>();
        given.put("10.0.0.5:6379", "public.example:7000");
        given.put("10.0.0.6", "public.example");
        given.put("fd00::1", "[2001:db8::1]:7000");
        given.put("[fd00::2]", "h");
        given.put("[fd00::2]:1", "h:2");
        ConnectionOptions options =
                ConnectionOptions.builder().useClusterApi(true).addressMap(given).build();

        assertThat(options.toJson().at("/deployment/cluster/addressMap"))
                .hasToString(
                        "{\"10.0.0.5:6379\":\"public.example:7000\",\"10.0.0.6\":\"public.example\","
                            + "\"fd00::1\":\"[2001:db8::1]:7000\",\"fd00::2\":\"h\","
                            + "\"[fd00::2]:1\":\"h:2\"}");
    }

    @Test
    void anIpv6AddressMayHaveBrackets() {
        assertThat(ConnectionOptions.builder().host("[::1]").build())
                .isEqualTo(ConnectionOptions.builder().host("::1").build())
                .hasToString("redis://[::1]:6379 (flink)");
    }

    @Test
    void anOptionThatIsTakenBackIsNotSet() {
        assertThat(
                        ConnectionOptions.builder()
                                .uri("redis://other")
                                .uri(null)
                                .unixSocket("/s")
                                .unixSocket("")
                                .sentinelMaster("m")
                                .sentinelMaster(null)
                                .host("h")
                                .build())
                .isEqualTo(ConnectionOptions.builder().host("h").build());
    }

    @Test
    void onlyWithAPasswordTheUserIsShown() {
        assertThat(ConnectionOptions.builder().user("misplaced").build())
                .hasToString("redis://localhost:6379 (flink)");
    }

    /** What {@code System.getenv} gives of a variable that is not set, or set to nothing. */
    @ParameterizedTest
    @NullAndEmptySource
    void textsThatMayBeLeftOutAre(String nothing) {
        ConnectionOptions options =
                ConnectionOptions.builder()
                        .uri("redis://h")
                        .host(nothing)
                        .unixSocket(nothing)
                        .sentinelMaster(nothing)
                        .sentinelUser(nothing)
                        .sentinelPassword(nothing)
                        .user(nothing)
                        .password(nothing)
                        .caFile(nothing)
                        .caCertificates(nothing)
                        .clientName(nothing)
                        .build();
        assertThat(options).isEqualTo(ConnectionOptions.builder().uri("redis://h").build());
        assertThat(ConnectionOptions.builder().host("h").host(nothing).build())
                .isEqualTo(ConnectionOptions.builder().build());
        assertThat(ConnectionOptions.builder().uri(nothing).host("h").build())
                .isEqualTo(ConnectionOptions.builder().host("h").build());
    }

    /** The field {@code deployment} of the settings. */
    private static String deployment(ConnectionOptions options) {
        return options.toJson().path("deployment").toString().replace('"', '\'');
    }

    static List<Arguments> wrongValues() {
        return List.of(
                wrong(b -> b.host(" "), "Option host is \" \"; allowed: a text that is not blank"),
                wrong(b -> b.port(0), "Option port is 0; allowed: 1 to 65535"),
                wrong(b -> b.port(65536), "Option port is 65536; allowed: 1 to 65535"),
                wrong(
                        b -> b.connectTimeoutMillis(0),
                        "Option connectTimeoutMillis is 0; allowed: 1 or more"),
                wrong(
                        b -> b.commandTimeoutMillis(-1),
                        "Option commandTimeoutMillis is -1; allowed: 1 or more"),
                wrong(
                        b -> b.retryTimeoutMillis(-1),
                        "Option retryTimeoutMillis is -1; allowed: 0 or more"),
                wrong(
                        b -> b.clientName("a b"),
                        "Option clientName is \"a b\"; allowed: ASCII letters, digits and"
                                + " punctuation, no blanks"),
                wrong(b -> b.host("a\0"), "Option host is \"a\\u0000\"; allowed: a text without"),
                wrong(
                        b -> b.useClusterApi(true).clusterNodes("a\0:1"),
                        "Option clusterNodes is \"a\0:1\"; allowed: host or host:port"),
                wrong(b -> b.user("a\0"), "Option user is \"a\\u0000\"; allowed: a text without"),
                wrong(
                        b -> b.clientName("a\0"),
                        "Option clientName is \"a\\u0000\"; allowed: a text without"),
                wrong(
                        b -> b.unixSocket("/a\0"),
                        "Option unixSocket is \"/a\\u0000\"; allowed: a text without"),
                wrong(
                        b -> b.sentinels("s").sentinelMaster("a\0"),
                        "Option sentinelMaster is \"a\\u0000\"; allowed: a text without"),
                wrong(
                        b -> b.sentinels("s").sentinelMaster("m").sentinelUser("a\0"),
                        "Option sentinelUser is \"a\\u0000\"; allowed: a text without"),
                wrong(b -> b.uri("redis://%00@h"), "Option uri is \"redis://…\"; allowed:"),
                wrong(b -> b.uri("redis-sentinel://h#%00"), "Option uri is \"redis-sentinel://…\""),
                wrong(b -> b.database(-1), "Option database is -1; allowed: 0 or more"),
                wrong(
                        b -> b.keepaliveMillis(999),
                        "Option keepaliveMillis is 999; allowed: 1000 or more"),
                wrong(
                        b -> b.minBackoffMillis(0),
                        "Option minBackoffMillis is 0; allowed: 1 or more"),
                wrong(
                        b -> b.minBackoffMillis(3000),
                        "Option maxBackoffMillis is 2000; allowed: 3000 (option minBackoffMillis)"
                                + " or more"),
                wrong(
                        b -> b.useClusterApi(true).database(1),
                        "Option useClusterApi is true and option database is 1; allowed: one of"
                                + " the two"),
                wrong(
                        b -> b.useClusterApi(true).sentinels("s").sentinelMaster("m"),
                        "Option useClusterApi is true and option sentinels is [s:26379]; allowed:"
                                + " one of the two"),
                wrong(
                        b -> b.clusterNodes("n"),
                        "Option clusterNodes is [n]; allowed: none, or useClusterApi(true)"),
                wrong(
                        b -> b.useClusterApi(true).clusterNodes("n:0"),
                        "Option clusterNodes is \"n:0\"; allowed: host or host:port"),
                wrong(
                        b -> b.unixSocket("/s").useTls(true),
                        "Option unixSocket is \"/s\" and TLS is on; allowed: one of the two"),
                wrong(
                        b -> b.unixSocket("/s").useClusterApi(true),
                        "Option unixSocket is \"/s\" and option useClusterApi is true; allowed:"
                                + " one of the two"),
                wrong(
                        b -> b.unixSocket("/s").sentinels("h:1").sentinelMaster("m"),
                        "Option unixSocket is \"/s\" and option sentinels is [h:1]; allowed: one"
                                + " of the two"),
                wrong(
                        b -> b.unixSocket("/s").port(1),
                        "Option unixSocket is \"/s\" and option host or port is set; allowed: one"
                                + " of the two"),
                wrong(
                        b -> b.sentinels("h:1"),
                        "Option sentinelMaster is required with option sentinels [h:1] but not"
                                + " set; allowed: what they call the master"),
                wrong(
                        b -> b.sentinelMaster("m"),
                        "Option sentinelMaster is set but option sentinels is not; allowed: both"
                                + " or neither"),
                wrong(
                        b -> b.sentinelPassword("geheim"),
                        "Option sentinelPassword is set but option sentinels is not"),
                wrong(
                        b -> b.sentinels("h:x").sentinelMaster("m"),
                        "Option sentinels is \"h:x\"; allowed: host or host:port, with a port from"
                                + " 1 to 65535"),
                wrong(
                        b -> b.host("h").sentinels("s:1").sentinelMaster("m"),
                        "Option sentinels is [s:1] and option host or port is set; allowed: one of"
                                + " the two"),
                wrong(
                        b -> b.addressMap(Map.of("a", "b")),
                        "Option addressMap is {a=b}; allowed: empty, or with option useClusterApi"
                                + " or sentinels"),
                wrong(
                        b -> b.useClusterApi(true).addressMap(Map.of("a:1", "b:70000")),
                        "Option addressMap is \"b:70000\"; allowed: host or host:port"),
                wrong(
                        b -> b.useClusterApi(true).addressMap(Map.of("a:1", "fd00::1")),
                        "Option addressMap is \"fd00::1\"; allowed: an IPv6 address to connect to"
                                + " in brackets and with its port"),
                wrong(
                        b -> b.useClusterApi(true).addressMap(Map.of("a:0", "b")),
                        "Option addressMap is \"a:0\"; allowed: host or host:port"),
                wrong(
                        b -> b.credentialsProvider(() -> null),
                        "Option credentialsProvider is set and option user or password is set;"
                                + " allowed: the provider, or user and password"),
                wrong(
                        b -> b.useTls(false).caFile("/ca"),
                        "Option useTls is false and option caFile is set; allowed: true with"
                                + " certificates"),
                wrong(
                        b -> b.useTls(false).mtlsParameters(MtlsParametersTest.parameters()),
                        "Option useTls is false and option mtlsParameters is set; allowed: true"
                                + " with certificates"),
                wrong(
                        b -> b.caFile("/ca").caCertificates("geheim"),
                        "Option caFile is \"/ca\" and the content is given too (option"
                                + " caCertificates); allowed: one of the two"),
                wrong(
                        b -> b.caFile("/a").mtlsParameters(MtlsParametersTest.parameters()),
                        "Option caFile is caFile \"/a\" and option mtlsParameters has its own"
                                + " caFile; allowed: one of the two"),
                wrong(
                        b -> b.caCertificates("geheim"),
                        "option caCertificates: it has no certificate in PEM form"));
    }

    private static Arguments wrong(Consumer<ConnectionOptions.Builder> change, String message) {
        return arguments(message, change);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrongValues")
    void aWrongValueIsNamed(String message, Consumer<ConnectionOptions.Builder> change) {
        ConnectionOptions.Builder builder = ConnectionOptions.builder().password("geheim");
        change.accept(builder);

        assertThatThrownBy(builder::build)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(message)
                .hasMessageNotContaining("geheim");
    }

    @Test
    void anyTextCanBecomeAClientName() {
        assertThat(OptionChecks.toClientName("flink-meine Größe\n"))
                .isEqualTo("flink-meine_Gr__e_");
    }
}
