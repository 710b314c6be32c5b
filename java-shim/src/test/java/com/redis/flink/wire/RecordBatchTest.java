package com.redis.flink.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.sink.writer.Golden;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;

/** The bytes that the engine is given. */
class RecordBatchTest {

    private final RecordBatch frame = new RecordBatch();

    @Test
    void hasTheGoldenBytes() throws Exception {
        frame.begin(3);
        frame.field("key", "k1");
        frame.field("data", "v1");
        frame.end();
        frame.begin(RecordBatch.DEAD_LETTER);
        frame.field("error", "é");
        frame.end();

        assertThat(frame.records()).isEqualTo(2);
        assertThat(content()).isEqualTo(Files.readAllBytes(Golden.file("frame-v1.bin")));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "a",
                "\u007f",
                "\u0080",
                "ÿ",
                "\u0100",
                "\u0141a",
                "日本",
                "a text of more than twenty-four characters",
                "ein längerer Text mit Umlauten",
                "\ud83d\ude00"
            })
    void stringsAreUtf8(String text) {
        frame.begin(0);
        frame.field("", text);
        frame.end();

        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.wrap(content()).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(bytes.getInt(8 + 8)).isEqualTo(8 + utf8.length);
        assertThat(bytes.getInt(24)).isEqualTo(utf8.length);
        assertThat(Arrays.copyOfRange(bytes.array(), 28, bytes.capacity())).isEqualTo(utf8);
    }

    @Test
    void aRecordThatIsTakenBackLeavesNothing() {
        record("k1");
        byte[] before = content();
        frame.begin(1);
        frame.field("a", "b");
        frame.cancel();
        frame.cancel();

        assertThat(content()).isEqualTo(before);
        assertThat(frame.records()).isEqualTo(1);
    }

    @Test
    void canBeUsedAgain() {
        record("k1");
        byte[] first = content();
        record("x".repeat(2 * 1024 * 1024));
        frame.clear();

        assertThat(frame.records()).isZero();
        assertThat(frame.length()).isEqualTo(8);
        assertThat(frame.bytes().length).as("a huge buffer is not kept").isLessThan(1024 * 1024);
        record("k1");
        assertThat(content()).isEqualTo(first);
    }

    @Test
    void aRecordWithoutFieldsIsRejected() {
        frame.begin(0);

        assertThatThrownBy(frame::end)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("neither key nor data");
    }

    @Test
    void recordsBeginAndEndInTurns() {
        assertThatThrownBy(frame::end).isInstanceOf(IllegalStateException.class);
        frame.begin(0);
        assertThatThrownBy(() -> frame.begin(0)).isInstanceOf(IllegalStateException.class);
    }

    private void record(String value) {
        frame.begin(0);
        frame.field("key", value);
        frame.end();
    }

    private byte[] content() {
        return Arrays.copyOf(frame.bytes(), frame.length());
    }
}
