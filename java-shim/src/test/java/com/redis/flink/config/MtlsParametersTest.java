package com.redis.flink.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;

/** The certificates' holder keeps what it is given, and its secrets to itself. */
class MtlsParametersTest {

    static MtlsParameters parameters() {
        return MtlsParameters.builder()
                .certificateFile("/c")
                .keyFile("/k")
                .keyPassword("geheim")
                .caFile("/ca")
                .build();
    }

    @Test
    void keepsWhatItIsGiven() throws Exception {
        MtlsParameters clone = InstantiationUtil.clone(parameters());

        assertThat(clone).isEqualTo(parameters()).hasSameHashCodeAs(parameters());
        assertThat(clone.getCertificateFile()).isEqualTo("/c");
        assertThat(clone.getKeyFile()).isEqualTo("/k");
        assertThat(clone.getKeyPassword()).isEqualTo("geheim");
        assertThat(clone.getCaFile()).isEqualTo("/ca");
    }

    @Test
    void toStringTellsNoSecret() {
        assertThat(parameters()).hasToString("MtlsParameters{certificateFile=/c, caFile=/ca}");
    }

    @Test
    void certificateAndKeyAreRequired() {
        assertThatThrownBy(() -> MtlsParameters.builder().keyFile("/k").build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("Option certificateFile is required but not set");
        assertThatThrownBy(() -> MtlsParameters.builder().certificateFile("/c").keyFile("").build())
                .hasMessageStartingWith("Option keyFile is \"\"");
    }

    @Test
    void aClientHasItsCertificateInOnePlace() {
        assertRefused(
                MtlsParameters.builder().certificateFile("/c").certificates("text").keyFile("/k"),
                "Option certificateFile is \"/c\" and the content is given too (option"
                        + " certificates); allowed: one of the two");
        assertRefused(
                MtlsParameters.builder().certificates("text"),
                "Option keyFile is required but not set");
        assertRefused(
                MtlsParameters.builder().certificates("c").keyFile("/k").key("geheim"),
                "Option keyFile is \"/k\" and the content is given too (option key)");
        assertRefused(
                MtlsParameters.builder().keyStore("/ks").keyFile("/k"),
                "Option keyStore is set and option keyFile is set; allowed: one of the two");
        assertRefused(
                MtlsParameters.builder().keyStore("/ks").caFile("/ca").trustStore("/ts"),
                "Option trustStore is set and option caFile is set; allowed: one of the two");
        assertRefused(
                MtlsParameters.builder().keyStore("/ks").keyStore(new byte[] {1}),
                "Option keyStore is \"/ks\" and the content is given too");
    }

    @Test
    void whatBelongsToAStoreNeedsOne() {
        MtlsParameters.Builder pem = MtlsParameters.builder().certificateFile("/c").keyFile("/k");
        assertRefused(
                pem.keyAlias("a"), "Option keyAlias is \"a\"; allowed: only with option keyStore");
        pem.keyAlias(null);
        assertRefused(
                pem.keyStorePassword("geheim"),
                "Option keyStorePassword is set; allowed: only with option keyStore");
        pem.keyStorePassword(null);
        assertRefused(
                pem.trustStoreType("JKS"),
                "Option trustStoreType is JKS; allowed: only with option trustStore");
    }

    @Test
    void storesAndContentsAreNotShown() throws Exception {
        MtlsParameters stores =
                MtlsParameters.builder()
                        .keyStore(new byte[] {71, 72})
                        .keyStorePassword("geheim")
                        .trustStore("/ts")
                        .trustStorePassword("geheim")
                        .build();
        assertThat(stores).hasToString("MtlsParameters{keyStore, trustStore \"/ts\"}");
        assertThat(InstantiationUtil.clone(stores)).isEqualTo(stores).hasSameHashCodeAs(stores);

        MtlsParameters texts =
                MtlsParameters.builder().certificates("c").key("geheim").caFile("/ca").build();
        assertThat(texts).hasToString("MtlsParameters{certificateFile=(content), caFile=/ca}");
        assertThat(InstantiationUtil.clone(texts)).isEqualTo(texts).hasSameHashCodeAs(texts);
    }

    private static void assertRefused(MtlsParameters.Builder builder, String message) {
        assertThatThrownBy(builder::build)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(message)
                .hasMessageNotContaining("geheim");
    }
}
