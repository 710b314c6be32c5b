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
}
