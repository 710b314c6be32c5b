package com.redis.flink.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.nio.charset.StandardCharsets;

/** Text is written as it is or not at all. */
class WholeTextTest {

    private static final String FILL = "0123456789";

    @Test
    void wholeTextIsUtf8() {
        for (int length = 0; length <= 40; length++) {
            for (String part : new String[] {"", "?", "é", "日?", "😀", "?😀"}) {
                String text = FILL.repeat(4).substring(0, length) + part + FILL;
                assertThat(WholeText.utf8(text)).isEqualTo(text.getBytes(StandardCharsets.UTF_8));
                assertThat(WholeText.escaped(text)).isSameAs(text);
            }
        }
    }

    /** Wherever it is, and whatever is around it. */
    @Test
    void halfOfACharacterIsRefused() {
        for (int length = 0; length <= 40; length++) {
            for (String before : new String[] {"", "é", "😀"}) {
                for (char half : new char[] {'\ud800', '\udbff', '\udc00', '\udfff'}) {
                    String text = FILL.repeat(4).substring(0, length) + before + half;
                    for (String after : new String[] {"", "x", "\ud800", FILL}) {
                        assertThatThrownBy(() -> WholeText.utf8(text + after))
                                .isInstanceOf(IllegalArgumentException.class);
                        assertThatThrownBy(() -> WholeText.require(text + after))
                                .hasMessageContaining("at index " + (text.length() - 1));
                    }
                }
            }
        }
    }

    @Test
    void theMessageShowsTheText() {
        assertThatThrownBy(() -> WholeText.utf8("x\ud800y"))
                .hasMessage(
                        "the text \"x\\ud800y\" has half of a character at index 1, which UTF-8"
                                + " cannot hold; correct the text");
        assertThatThrownBy(() -> WholeText.utf8("x".repeat(1_000_000) + '\udc00'))
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(400));
    }

    @Test
    void escapedTextKeepsWhatIsWhole() {
        assertThat(WholeText.escaped("\ud800a\udc00\ud83d\ude00\udfff"))
                .isEqualTo("\\ud800a\\udc00😀\\udfff");
    }
}
