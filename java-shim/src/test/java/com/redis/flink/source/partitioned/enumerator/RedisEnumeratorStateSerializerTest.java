package com.redis.flink.source.partitioned.enumerator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.source.partitioned.Golden;
import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.wire.EntryId;
import com.redis.flink.wire.EntryRun;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.List;

class RedisEnumeratorStateSerializerTest {

    private static final RedisEnumeratorState FULL =
            new RedisEnumeratorState(
                    "orders",
                    "billing",
                    List.of(2, 0, 1),
                    List.of(
                            new RedisSplit(
                                    1,
                                    "orders:1",
                                    "billing",
                                    EntryId.of(5, 1),
                                    List.of(EntryRun.parse("4-0+3")),
                                    null),
                            new RedisSplit(
                                    2,
                                    "orders:2",
                                    "billing",
                                    EntryId.of(0, 0),
                                    List.of(),
                                    EntryId.of(9, 9))));

    private final RedisEnumeratorStateSerializer serializer = new RedisEnumeratorStateSerializer();

    @Test
    void writesAndReadsTheGoldenBytes() throws IOException {
        byte[] golden = Golden.read("enumerator-state-v1-split-v2.bin");

        assertThat(serializer.serialize(FULL)).isEqualTo(golden);
        assertThat(serializer.deserialize(1, golden)).isEqualTo(FULL);
    }

    @Test
    void readsTheGoldenBytesWithSplitsOfVersion1() throws IOException {
        byte[] golden = Golden.read("enumerator-state-v1.bin");

        assertThat(serializer.deserialize(1, golden)).isEqualTo(FULL);
    }

    @Test
    void readsAnEmptyState() throws IOException {
        RedisEnumeratorState state = new RedisEnumeratorState("t", "g", List.of(), List.of());

        assertThat(serializer.deserialize(1, serializer.serialize(state))).isEqualTo(state);
    }

    @Test
    void refusesANewerVersion() {
        assertThatThrownBy(() -> serializer.deserialize(2, new byte[0]))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("has version 2; this connector reads version 1");
    }
}
