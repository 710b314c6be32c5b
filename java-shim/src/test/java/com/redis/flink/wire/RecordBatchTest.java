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

    private final RecordBatch batch = new RecordBatch();

    @Test
    void hasTheGoldenBytes() throws Exception {
        batch.begin(3);
        batch.field("key", "k1");
        batch.field("data", "v1");
        batch.end();
        batch.begin(RecordBatch.DEAD_LETTER);
        batch.field("error", "é");
        batch.end();

        assertThat(batch.records()).isEqualTo(2);
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
        batch.begin(0);
        batch.field("", text);
        batch.end();

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
        batch.begin(1);
        batch.field("a", "b");
        batch.cancel();
        batch.cancel();

        assertThat(content()).isEqualTo(before);
        assertThat(batch.records()).isEqualTo(1);
    }

    @Test
    void canBeUsedAgain() {
        record("k1");
        byte[] first = content();
        record("x".repeat(2 * 1024 * 1024));
        batch.clear();

        assertThat(batch.records()).isZero();
        assertThat(batch.length()).isEqualTo(8);
        assertThat(batch.bytes().length).as("a huge buffer is not kept").isLessThan(1024 * 1024);
        record("k1");
        assertThat(content()).isEqualTo(first);
    }

    @Test
    void aRecordWithoutFieldsIsRejected() {
        batch.begin(0);

        assertThatThrownBy(batch::end)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("neither key nor data");
    }

    @Test
    void recordsBeginAndEndInTurns() {
        assertThatThrownBy(batch::end).isInstanceOf(IllegalStateException.class);
        batch.begin(0);
        assertThatThrownBy(() -> batch.begin(0)).isInstanceOf(IllegalStateException.class);
    }

    private void record(String value) {
        batch.begin(0);
        batch.field("key", value);
        batch.end();
    }

    private byte[] content() {
        return Arrays.copyOf(batch.bytes(), batch.length());
    }
}
