package com.redis.flink.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.List;
import java.util.function.Consumer;

/** Defaults, wrong values and secrets of the connection options. */
class ConnectionOptionsTest {

    @Test
    void defaultsAreTheDocumentedOnes() {
        assertThat(ConnectionOptions.builder().build().toJson())
                .hasToString(
                        "{\"host\":\"localhost\",\"port\":6379,\"user\":\"default\",\"password\":\"\","
                            + "\"clientName\":\"flink\",\"connectTimeoutMillis\":5000,"
                            + "\"commandTimeoutMillis\":10000,\"retryTimeoutMillis\":60000}");
    }

    @Test
    void everyOptionReachesTheEngine() throws Exception {
        ConnectionOptions options =
                ConnectionOptions.builder()
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
                        "{\"host\":\"redis\",\"port\":65535,\"user\":\"ann\","
                                + "\"password\":\"geheim \\\"ä\\\"\",\"clientName\":\"me\","
                                + "\"connectTimeoutMillis\":1,\"commandTimeoutMillis\":2,"
                                + "\"retryTimeoutMillis\":0}");
        assertThat(options).hasToString("redis://ann@redis:65535 (me)");
        assertThat(InstantiationUtil.clone(options)).isEqualTo(options);
    }

    @Test
    void noUserAndNoPasswordAreTheDefaults() {
        assertThat(ConnectionOptions.builder().user(null).password(null).build())
                .isEqualTo(ConnectionOptions.builder().build());
    }

    static List<Arguments> wrongValues() {
        String singleServer = "this version connects to a single server without TLS only";
        return List.of(
                wrong(
                        b -> b.host(null),
                        "Option host is required but not set; allowed: a text that is not blank"),
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
                wrong(
                        b -> b.clientName(""),
                        "Option clientName is \"\"; allowed: a text that is not blank"),
                wrong(
                        b -> b.useTls(true),
                        "Option useTls is true; allowed: false (" + singleServer),
                wrong(
                        b -> b.useClusterApi(true),
                        "Option useClusterApi is true; allowed: false (" + singleServer),
                wrong(
                        b -> b.mtlsParameters(MtlsParametersTest.parameters()),
                        "Option mtlsParameters is MtlsParameters{certificateFile=/c, caFile=/ca};"
                                + " allowed: null ("
                                + singleServer));
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
        assertThat(Options.toClientName("flink-meine Größe\n")).isEqualTo("flink-meine_Gr__e_");
    }
}
