package com.redis.flink.text;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ForeignTextTest {
    @Test
    void leavesOrdinaryTextAsItIs() {
        for (String text :
                new String[] {"", "orders:2", "заказы-🚀", "it's \"quoted\" \\ and more"}) {
            assertThat(ForeignText.shown(text)).isEqualTo(text);
        }
        assertThat(ForeignText.shown(null)).isEqualTo("null");
    }

    @Test
    void escapesWhatCouldForgeALine() {
        assertThat(ForeignText.shown("a\r\nb\u001b[2J\0\u202e\ud800"))
                .isEqualTo("a\\r\\nb\\u001b[2J\\u0000\\u202e\\ud800");
    }

    @Test
    void cutsWhatIsLongAndSaysHowLongItIs() {
        assertThat(ForeignText.shown("ü".repeat(200))).isEqualTo("ü".repeat(200));
        assertThat(ForeignText.shown("ü".repeat(201)))
                .isEqualTo("ü".repeat(200) + "… (201 characters)");
        assertThat(ForeignText.shownAtLength("\n".repeat(12 << 20))).hasSizeLessThan(8100);
    }
}
