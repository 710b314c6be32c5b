package com.redis.flink.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EntryIdTest {

    private static final String MAX = "18446744073709551615-18446744073709551615";

    @ParameterizedTest
    @ValueSource(strings = {"0-0", "1718000000000-3", "9223372036854775808-1", MAX})
    void readsWhatItWrites(String id) {
        assertThat(EntryId.parse(id)).hasToString(id);
    }

    @Test
    void aMillisecondAloneIsItsFirstId() {
        assertThat(EntryId.parse("5")).isEqualTo(EntryId.of(5, 0));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "-", "5-", "-5", "+5", "5-+1", "a", "1-2-3", "18446744073709551616"})
    void refusesWhatIsNoId(String text) {
        assertThatThrownBy(() -> EntryId.parse(text)).isInstanceOf(NumberFormatException.class);
    }

    @Test
    void comparesUnsigned() {
        assertThat(EntryId.parse(MAX)).isGreaterThan(EntryId.of(Long.MAX_VALUE, 0));
        assertThat(EntryId.of(1, -1)).isGreaterThan(EntryId.of(1, Long.MAX_VALUE));
        assertThat(EntryId.of(2, 0)).isGreaterThan(EntryId.of(1, -1));
        assertThat(EntryId.of(2, 1)).isEqualByComparingTo(EntryId.of(2, 1));
    }

    @Test
    void aRunIsCutBehindAnId() {
        EntryRun run = EntryRun.parse("5-1+4");

        assertThat(run.last()).isEqualTo(EntryId.of(5, 4));
        assertThat(run.after(5, 2)).hasToString("5-3+2");
        assertThat(run.after(5, 0)).isSameAs(run);
        assertThat(run.after(4, 9)).isSameAs(run);
        assertThat(EntryRun.parse("5-18446744073709551614+2").last())
                .hasToString("5-18446744073709551615");
    }

    @ParameterizedTest
    @ValueSource(strings = {"5-1", "5-1+0", "5-1+-1", "+3", "5-18446744073709551615+2"})
    void refusesWhatIsNoRun(String text) {
        assertThatThrownBy(() -> EntryRun.parse(text)).isInstanceOf(IllegalArgumentException.class);
    }
}
