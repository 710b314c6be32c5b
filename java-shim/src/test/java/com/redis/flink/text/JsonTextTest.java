package com.redis.flink.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a JSON text is, and which ones Redis takes for certain. */
class JsonTextTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "[]",
                " [ ] ",
                "null",
                "true",
                "false",
                "0",
                "-0",
                "-12.50e+10",
                "1E-99",
                "18446744073709551616",
                "\"\"",
                "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
                "\"😀\"",
                "\t{\"\" : [ {} , [ ] ,\r\n {\"a\":{\"b\":null}} , \"]}\" ] , \"c\" : 1 } ",
                "[[[1,[2]],3],{\"a\":[{}]}]"
            })
    void certain(String text) {
        assertThat(JsonText.isCertain(text)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "{",
                "}",
                "[",
                "]",
                "{} {}",
                "x",
                "[1,]",
                "[,1]",
                "[1 2]",
                "{,}",
                "{\"a\"}",
                "{\"a\":}",
                "{\"a\":1,}",
                "{\"a\" 1}",
                "{a:1}",
                "{1:1}",
                "[1}",
                "{\"a\":1]",
                "[[1]",
                "01",
                "+1",
                "1.",
                ".5",
                "1e",
                "1e+",
                "-",
                "- 1",
                "0x1",
                "NaN",
                "Infinity",
                "nul",
                "trueish",
                "tru",
                "True",
                "'a'",
                "\"",
                "\"\\\"",
                "\"\\x\"",
                "\"\\u12\"",
                "\"\\u12g4\"",
                "\"\\u１２３４\"",
                "\"a\nb\"",
                "\"a\u0000b\"",
                "\ufeff{}",
                "\u00a0{}",
                "/**/{}",
                "[1]//"
            })
    void noJson(String text) {
        assertThat(JsonText.isCertain(text)).isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"1e999", "[1e100]", "\"\\ud800\"", "{\"\\uDC00\":1}", "\"\\ud83d\\ude00\""})
    void whatParsersDifferOnIsNotCertain(String text) {
        assertThat(JsonText.isCertain(text)).isFalse();
        assertThat(new JsonText(text).skipValue()).isEqualTo(text.length());
    }

    @ParameterizedTest
    @CsvSource({"100, true", "101, false", "1000000, false"})
    void depthIsBoundedForCertaintyOnly(int depth, boolean certain) {
        String text = "[".repeat(depth) + "]".repeat(depth);
        assertThat(JsonText.isCertain(text)).isEqualTo(certain);
        assertThat(JsonText.isCertain(text.replace("[]", "[1,2]"))).isEqualTo(certain);
        assertThat(new JsonText(text).skipValue()).isEqualTo(2 * depth);
    }

    @ParameterizedTest
    @CsvSource({"200, true", "201, false"})
    void soAreNumbers(int digits, boolean certain) {
        assertThat(JsonText.isCertain("9".repeat(digits))).isEqualTo(certain);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"\"a\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t😀\"", "\"\"", "\"x\""})
    void stringsAreReadAsJacksonReadsThem(String text) throws Exception {
        assertThat(new JsonText(text).readString())
                .isEqualTo(
                        new com.fasterxml.jackson.databind.ObjectMapper()
                                .readValue(text, String.class));
    }

    @ParameterizedTest
    @CsvSource({"[1;2], 2", "tru, 0", "[, 1"})
    void whereItIsNoJsonIsTold(String text, int index) {
        assertThatThrownBy(() -> new JsonText(text).skipValue())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no JSON from index " + index + " on");
    }
}
