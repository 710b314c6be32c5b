package com.redis.flink.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.RedisMessage;
import com.redis.flink.source.partitioned.Golden;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Map;

class EntryBatchTest {

    @Test
    void readsTheGoldenBytes() throws IOException {
        EntryBatch batch = new EntryBatch(Golden.read("batch-v1.bin"));

        assertThat(batch.partition()).isEqualTo(2);
        assertThat(batch.isFinished()).isFalse();
        assertThat(batch.isPending()).isFalse();
        assertThat(batch.entries()).isEqualTo(2);
        assertThat(batch.positionMilliseconds()).isEqualTo(6);
        assertThat(batch.positionSequence()).isZero();

        assertThat(batch.advance()).isTrue();
        assertThat(batch).hasToString("5-1");
        assertThat(batch.pairs()).isEqualTo(2);
        RedisMessage message = message(batch);
        assertThat(message.getKey()).isEqualTo("k1");
        assertThat(message.getData()).isEqualTo(Map.of("data", "v1"));

        assertThat(batch.advance()).isTrue();
        assertThat(batch).hasToString("6-0");
        assertThat(message(batch).getData()).isEqualTo(Map.of("a", "2"));
        assertThat(batch.advance()).isFalse();
    }

    @Test
    void theTestsOwnBatchesAreTheGoldenOnes() throws IOException {
        assertThat(
                        new BatchBytes(2)
                                .entry(5, 1, "key", "k1", "data", "v1")
                                .entry(6, 0, "a", "1", "a", "2")
                                .position(6, 0)
                                .build())
                .isEqualTo(Golden.read("batch-v1.bin"));
    }

    @Test
    void knowsTheEndOfASplit() {
        EntryBatch batch = new EntryBatch(new BatchBytes(0).position(9, 9).finished().build());

        assertThat(batch.isFinished()).isTrue();
        assertThat(batch.advance()).isFalse();
    }

    @Test
    void takesTheStringsOfLargeEntriesFromTheirOwnArrays() {
        byte[] whole =
                new BatchBytes(2)
                        .entry(5, 1, "key", "k1", "data", "v1")
                        .entry(6, 0, "a", "1")
                        .position(6, 0)
                        .build();
        int first = 4 + 3 + 4 + 2 + 4 + 4 + 4 + 2;
        byte[][] strings = {
            Arrays.copyOfRange(whole, 56, 56 + first),
            Arrays.copyOfRange(whole, 56 + first + 24, whole.length)
        };
        ByteBuffer headers = ByteBuffer.allocate(80);
        headers.put(whole, 0, 56).put(whole, 56 + first, 24).put(1, (byte) 4);

        EntryBatch batch = new EntryBatch(headers.array(), strings.clone());

        assertThat(batch.advance()).isTrue();
        assertThat(batch).hasToString("5-1");
        RedisMessage message = message(batch);
        assertThat(message.getKey()).isEqualTo("k1");
        assertThat(message.getData()).isEqualTo(Map.of("data", "v1"));
        assertThat(batch.advance()).isTrue();
        assertThat(batch).hasToString("6-0");
        assertThat(batch.takeStrings()).isSameAs(strings[1]);
        assertThat(batch.advance()).isFalse();

        EntryBatch cut = new EntryBatch(headers.array(), new byte[][] {strings[0], null});
        assertThat(cut.advance()).isTrue();
        assertThatThrownBy(cut::advance)
                .hasMessage("a batch of partition 2 ends within its entry 1, after 80 bytes");
    }

    @Test
    void refusesOtherBytes() {
        assertThatThrownBy(() -> new EntryBatch(new byte[32]))
                .hasMessage("not a batch of version 1: 32 bytes, beginning with [0, 0, 0, 0]");
        assertThatThrownBy(() -> new EntryBatch(new byte[] {1}))
                .hasMessage("not a batch of version 1: 1 bytes, beginning with [1]");
    }

    @Test
    void seesThatABatchIsCutOff() {
        byte[] whole = new BatchBytes(3).entry(5, 1, "a", "b").position(5, 1).build();
        EntryBatch cut = new EntryBatch(Arrays.copyOf(whole, whole.length - 1));

        assertThatThrownBy(cut::advance)
                .hasMessage("a batch of partition 3 ends within its entry 0, after 65 bytes");
    }

    private static RedisMessage message(EntryBatch batch) {
        return RedisMessage.ofEntry(
                "orders:2",
                batch.milliseconds(),
                batch.sequence(),
                batch.takeStrings(),
                batch.pairs());
    }
}
